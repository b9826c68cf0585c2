"""Proxy variables as HTTP clients of SDKs obey them: also for this machine, where a proxy finds itself at best.

Doctor's own requests go straight, as those of Tracen's exporter do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from bridge.diagnosis.command_line import quoted
from bridge.diagnosis.finding import Finding, Subject
from bridge.diagnosis.target import Target
from bridge.secrecy import shown


def judge(targets: tuple[Target, ...], environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    """Tell of each proxy that stands before a place that traces are sent to."""
    told: set[tuple[str, str]] = set()
    for target in targets:
        name = proxy_of(target, environ)
        if name and (name, target.host) not in told:
            told.add((name, target.host))
            yield _stands_before(target, name, environ, subject)
    if targets and not told:
        yield subject.ok("proxy", "none in between")


def _stands_before(target: Target, name: str, environ: Mapping[str, str], subject: Subject) -> Finding:
    proxy = f"{name}={shown(environ[name])}"
    repair = f"export NO_PROXY={_with(target.host, environ)} no_proxy={_with(target.host, environ)}"
    if target.is_local:
        found = f"{proxy} takes what is sent to {target.host}, which is this machine"
        return subject.failure("proxy", found, repair)
    found = f"{proxy} stands before {target.host}; what follows was tried without it"
    return subject.warning("proxy", found, f"where it is not wanted: {repair}")


def _with(host: str, environ: Mapping[str, str]) -> str:
    """What is exempt so far, by the name of its variable, and this host."""
    known = next((f'"${name}",' for name in ("no_proxy", "NO_PROXY") if environ.get(name)), "")
    return f"{known}{'127.0.0.1,localhost' if host in ('127.0.0.1', 'localhost') else quoted(host, 'HOST')}"


def _no_proxy(environ: Mapping[str, str]) -> str:
    return environ.get("no_proxy") or environ.get("NO_PROXY") or ""


def proxy_of(target: Target, environ: Mapping[str, str]) -> str:
    """The variable whose proxy gets what is sent to a target; "" where none does."""
    if _is_bypassed(target, _no_proxy(environ)):
        return ""
    scheme = urlsplit(target.url).scheme
    names = (
        ["grpc_proxy", "https_proxy", "http_proxy"] if target.is_grpc else [f"{scheme}_proxy", "all_proxy"]
    )
    if not target.is_grpc:
        names += [name.upper() for name in names]
    return next((name for name in names if environ.get(name, "").strip()), "")


def _is_bypassed(target: Target, no_proxy: str) -> bool:
    host = target.host
    for part in (part.strip().lower() for part in no_proxy.split(",")):
        name = part.rsplit(":", 1)[0] if part.count(":") == 1 else part
        if name == "*" or (name and (host == name.lstrip(".") or host.endswith(f".{name.lstrip('.')}"))):
            return True
        if _is_in_network(host, name):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return "/" in network and ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
