"""Where a request comes from, and whether it was meant for us: addresses, networks, hosts, origins.

RFC 9110 7.2 (Host), RFC 6454 (origins).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_PORT_BY_SCHEME = {"http": 80, "https": 443}


def address_of(connection: HTTPConnection, proxies: int) -> str:
    """The address of a client, as the last of `proxies` trusted proxies saw it. "" where it is not known.

    Each proxy appends to X-Forwarded-For whom it heard from, some with the port: what stands before our own proxies'
    words is the client's, and says anything. Where that is no address, whoever spoke to us is taken.
    """
    peer = connection.client.host if connection.client else ""
    if proxies < 1:
        return peer
    told = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    heard = [*(part.strip() for part in told if part.strip()), peer]
    return _bare(heard[-1 - min(proxies, len(heard) - 1)]) or peer


def _bare(text: str) -> str:
    """The address in `192.0.2.1:443`, `[2001:db8::1]:443` or `[2001:db8::1]`; "" where there is none."""
    if text.startswith("["):
        address = text[1:].partition("]")[0]
    else:
        address = text.partition(":")[0] if text.count(":") == 1 else text
    return address if _is_address(address) else ""


def network_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, the /64 of an IPv6 one. Other text stays as it is."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:60]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def host_of(text: str) -> str | None:
    """The name or address in a Host header, in lower case and without a port; None where it is none."""
    try:
        parts = urlsplit(f"//{text}")
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        return None
    is_host_alone = text and parts.netloc == text and "@" not in text and not set(text) & set("\\ \t?#/")
    return (parts.hostname or "").rstrip(".") or None if is_host_alone else None


class Hosts:
    """The hosts that pages answer to. An address always: it is a name that can be pointed at somebody else's server."""

    def __init__(self, base_url: str, allowed: str) -> None:
        self.base_url = base_url
        names = {name.strip().lower().rstrip(".") for name in allowed.split(",")} - {""}
        self._any = "*" in names
        self._names = {"localhost", urlsplit(base_url).hostname or "", *names}

    def has(self, header: str | None) -> bool:
        """Whether a Host header is one of ours."""
        host = host_of(header or "")
        if host is None:
            return False
        return self._any or host in self._names or _is_address(host) or host.endswith(".localhost")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_same_origin(connection: HTTPConnection, base_url: str) -> bool:
    """Whether a request that changes something was made by one of our own pages, or by the person in the address bar.

    The rule of Go's http.CrossOriginProtection: Sec-Fetch-Site where a browser sends it, else Origin against ours;
    with neither, it is no browser that could be made to send our cookies, and no page of ours either: refused.

    Ours is that of `base_url`, and that of the Host by which we were called: by TLS wherever `base_url` has it, which
    may end at a proxy.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    told = connection.headers.get("origin", "")
    origin, ours = _origin_of(told), _origin_of(base_url)
    if origin is None or urlsplit(told).path:
        return False
    scheme = "https" if ours and ours[0] == "https" else connection.scope.get("scheme", "http")
    return origin in (ours, _origin_of(f"{scheme}://{connection.headers.get('host', '')}"))


def _origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a URL (RFC 6454, 4); None where it has none, such as `null`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT_BY_SCHEME[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and "@" not in parts.netloc else None
