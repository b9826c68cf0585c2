"""What a caller's environment and options mean together: where traces go, how, with which key; and what is wrong.

Asks nobody. An SDK would read the same; nothing is kept of a variable that it would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from bridge.console import DEFAULT_BASE_URL
from bridge.diagnosis import (
    certificate_variables,
    endpoint_variables,
    exporter_variables,
    header_variables,
    proxies,
    sdk_variables,
)
from bridge.diagnosis.certificate_files import TLSFiles
from bridge.diagnosis.command_line import ADDRESS, exported, new_key, plain_url, quoted
from bridge.diagnosis.endpoint_variables import GRPC_PORT, HTTP_PORT, EndpointVariable
from bridge.diagnosis.finding import Finding, Subject, hint
from bridge.diagnosis.key_text import slip_in
from bridge.diagnosis.target import Meant, Target, Transport
from bridge.presence import Doors
from bridge.secrecy import shown

_POST = (Transport.POST,)
_HTTP = (Transport.HTTP_PROTOBUF, Transport.HTTP_JSON)


@dataclass(frozen=True, slots=True)
class Given:
    """An option with the name that it was given by: a flag, a variable, "" for a default."""

    text: str
    name: str


class Environment:
    """The variables of a caller, with the options of Tracen beside them. `doors`: of a server here, that of `store`."""

    def __init__(
        self,
        variables: Mapping[str, str],
        endpoint: Given,
        key: Given,
        doors: Doors | None = None,
        store: str = "",
    ) -> None:
        self._variables = variables
        self._endpoint = endpoint
        self._key = key
        self._doors = doors
        self._store = store
        self._subject = Subject("Environment")
        self._headers = header_variables.read(variables)
        self._certificates = certificate_variables.read(variables)
        self._otlp_endpoint = endpoint_variables.read_endpoint(variables)
        self._insecure_name, self._insecure = endpoint_variables.read_insecure(variables)
        self._protocol_name, self._protocol = endpoint_variables.read_protocol(variables)
        is_otlp_named = bool(self._otlp_endpoint.name or self._headers.text or self._protocol_name)
        self._is_otlp_meant = "tracen" not in sdk_variables.exporters_of(variables) or is_otlp_named
        self._is_otlp_chosen = is_otlp_named

    # -- what is meant -------------------------------------------------------------------------------------

    def meant(self) -> Meant:
        """Where traces go, as far as that can be made out."""
        otlp = self._otlp_targets() if self._is_otlp_meant else ()
        return Meant(otlp, self._api(otlp), self._is_otlp_chosen, bool(self._endpoint.name))

    def _otlp_targets(self) -> tuple[Target, ...]:
        urls = self._otlp_urls()
        return tuple(self._known(self._otlp_target(url, transports)) for url, transports in urls)

    def _known(self, target: Target) -> Target:
        """With the file of the store, where its server is what is asked, and how a key of that is had."""
        store = self._store if self._doors is not None and is_at(target, self._doors) else ""
        return replace(target, store=store, key_repair=self._key_repair(target, store))

    def _key_repair(self, target: Target, store: str) -> tuple[str, ...]:
        is_in_headers = self._is_otlp_chosen and target.secret == self._headers.secret
        if not target.secret and not target.is_api:
            return header_variables.repair_of(self._headers, self._tracen_key, store)
        return new_key(store, self._headers.name if is_in_headers else "")

    @property
    def _tracen_key(self) -> str:
        return self._key.text.strip() if self._key.name == "TRACEN_KEY" else ""

    def _otlp_urls(self) -> list[tuple[str, tuple[Transport, ...]]]:
        variable, protocol = self._otlp_endpoint, self._protocol
        if variable.name:
            url = self._otlp_url()
            if variable.text != variable.bare or endpoint_variables.url_slip(url):
                return []
            return [
                (
                    endpoint_variables.request_url(variable, url, protocol),
                    endpoint_variables.transports_of(protocol, url),
                )
            ]
        if self._endpoint.name and not self._is_otlp_chosen:
            return self._urls_beside_api()
        defaults: list[tuple[str, tuple[Transport, ...]]] = []
        if not protocol.startswith("http"):
            defaults.append((f"http://localhost:{GRPC_PORT}", (Transport.GRPC,)))
        if protocol != "grpc":
            defaults.append((f"http://localhost:{HTTP_PORT}{endpoint_variables.PATH}", _HTTP))
        return defaults

    def _urls_beside_api(self) -> list[tuple[str, tuple[Transport, ...]]]:
        """Of the server that is asked for by its endpoint alone, where it runs here and has told its other doors."""
        doors = self._doors
        if doors is None or self._api_slip() or not is_at(Target(self._endpoint.text, _POST), doors):
            return []
        return [
            (grpc_url(doors), (Transport.GRPC,)),
            (doors.otlp_http + endpoint_variables.PATH, _HTTP),
        ]

    def _otlp_target(self, url: str, transports: tuple[Transport, ...]) -> Target:
        headers, secret = self._headers.headers, self._headers.secret
        if not self._is_otlp_chosen:
            secret = self._key.text.strip()
            headers = {"x-tracen-key": secret} if secret and not slip_in(secret) else {}
        is_gzip = sdk_variables.compression_of(self._variables)[1] == "gzip"
        return Target(
            url,
            transports,
            self._otlp_endpoint.name,
            secret,
            headers,
            self._certificates.files if url.startswith("https:") else TLSFiles(),
            is_gzip,
            is_key_broken=self._is_otlp_key_broken(),
            protocol_variable=self._protocol_name,
        )

    def _is_otlp_key_broken(self) -> bool:
        """Where OTLP was not chosen, the key of posts is taken, and there must be one."""
        if self._is_otlp_chosen:
            return bool(header_variables.slip_of(self._headers, self._variables))
        return bool(slip_in(self._key.text.strip()))

    def _otlp_url(self) -> str:
        is_insecure = self._insecure.lower() == "true"
        return endpoint_variables.with_scheme(self._otlp_endpoint, self._protocol, is_insecure)

    def _api(self, otlp: tuple[Target, ...]) -> Target | None:
        if self._endpoint.name:
            return None if self._api_slip() else self._api_target(self._endpoint.text.rstrip("/"), otlp)
        doors = self._doors
        if doors is not None and any(is_at(target, doors) for target in otlp):
            return replace(self._api_target(doors.http, otlp), files=otlp[0].files)
        return None if self._is_otlp_chosen else self._api_target(DEFAULT_BASE_URL, otlp)

    def _api_target(self, url: str, otlp: tuple[Target, ...]) -> Target:
        """Where posts go; without a key of their own, with that of OTLP, if it goes to the same host anyway."""
        api = Target(url, _POST, self._endpoint.name)
        secret = self._key.text.strip()
        if not secret and any(target.is_beside(api) for target in otlp):
            secret = self._headers.secret
        return self._known(replace(api, secret=secret, is_key_broken=bool(slip_in(secret))))

    # -- what is wrong -------------------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it, and what holds, one line a matter."""
        subject, meant = self._subject, self.meant()
        yield from sdk_variables.judge(self._variables, subject)
        yield from exporter_variables.judge(self._variables, subject)
        yield from self._judge_otlp(meant)
        yield from self._judge_api(meant)
        yield from self._judge_key(meant)
        asked = (*meant.otlp, *([meant.api] if meant.api else []))
        yield from proxies.judge(asked, self._variables, subject)

    def _judge_otlp(self, meant: Meant) -> Iterator[Finding]:
        subject, protocol = self._subject, self._protocol
        for name in (endpoint_variables.OF_TRACES, endpoint_variables.GENERAL):
            if self._variables.get(name) == "":
                yield subject.warning(
                    "OTLP endpoint", f"{name} is empty, which counts as not set", f"unset {name}"
                )
        yield from endpoint_variables.judge_protocol(self._protocol_name, protocol, subject)
        found: list[Finding] = []
        if self._otlp_endpoint.name:
            url = self._otlp_url()
            found = list(endpoint_variables.judge_endpoint(self._otlp_endpoint, url, protocol, subject))
            yield from found
            yield from endpoint_variables.judge_insecure(
                self._insecure_name, self._insecure, url, protocol, subject
            )
        if not any(finding.verdict == "fail" for finding in found):
            yield self._told_otlp(meant)
        yield from certificate_variables.judge(self._certificates, meant.otlp, subject)
        if self._is_otlp_chosen:
            store = next((target.store for target in meant.otlp), "")
            repair = header_variables.repair_of(self._headers, self._tracen_key, store)
            yield from header_variables.judge(self._headers, self._variables, repair, subject)

    def _told_otlp(self, meant: Meant) -> Finding:
        if not meant.otlp:
            return self._subject.skipped(
                "OTLP", f"{endpoint_variables.GENERAL} is not set, and not needed for a post"
            )
        places = [_told(target) for target in meant.otlp]
        why = self._otlp_endpoint.name or ("of the server here" if self._endpoint.name else "SDKs' default")
        return self._subject.ok("OTLP", f"{'; '.join(places)} ({why})", *self._said_plainly(meant))

    def _said_plainly(self, meant: Meant) -> tuple[str, ...]:
        """The protocol, where it follows from the port alone: SDKs that are not told begin with one or the other."""
        if self._protocol or not self._otlp_endpoint.name:
            return ()
        protocol = meant.otlp[0].transports[0].value
        name = endpoint_variables.PROTOCOL
        return (f"some SDKs begin with another protocol: export {name}={protocol}",)

    def _api_slip(self) -> str:
        text = self._endpoint.text
        slip = endpoint_variables.url_slip(text)
        path = urlsplit(text).path.rstrip("/") if not slip else ""
        if path.endswith(("/api/traces", endpoint_variables.PATH)):
            return "ends in a path, which is added to it"
        return slip

    def _judge_api(self, meant: Meant) -> Iterator[Finding]:
        name, text = self._endpoint.name, self._endpoint.text
        if name and (slip := self._api_slip()):
            meant_url = EndpointVariable(name, text).bare
            for path in ("/api/traces", endpoint_variables.PATH):
                meant_url = meant_url.rstrip("/").removesuffix(path)
            start = plain_url(meant_url)
            flag = f"{name} {quoted(start, ADDRESS)}"
            repair = flag if name.startswith("-") else exported(name, start)
            yield self._subject.failure("Tracen", f"{name}={shown(text)} {slip}", repair)
        elif meant.api:
            yield self._subject.ok("Tracen", f"{shown(meant.api.url)} ({name or _why_api(meant)})")

    def _judge_key(self, meant: Meant) -> Iterator[Finding]:
        """The key of posts; what OTLP sends is in its headers."""
        name, text = self._key.name or "TRACEN_KEY", self._key.text
        store = meant.api.store if meant.api else ""
        if text:
            slip = slip_in(text.strip())
            if slip:
                yield self._subject.failure("key", f"{name} {slip}", *new_key(store))
            else:
                yield self._subject.ok("key", f"{hint(text.strip())} ({name})")
        elif not self._is_otlp_chosen or meant.is_api_chosen:
            is_empty = self._variables.get("TRACEN_KEY") == ""
            found = f"there is no key: TRACEN_KEY is {'empty' if is_empty else 'not set'}"
            if self._is_otlp_chosen and meant.api and meant.api.secret:
                yield self._subject.ok("key", f"that of {self._headers.name} is used for the post too")
            else:
                yield self._subject.failure("key", found, *new_key(store))


def _told(target: Target) -> str:
    how = " and ".join(transport.door for transport in target.transports)
    return f"{how} to {shown(target.url)}"


def _why_api(meant: Meant) -> str:
    return "of the server here" if meant.is_otlp_chosen else "the default"


def grpc_url(doors: Doors) -> str:
    """The gRPC door of a server as an endpoint."""
    return f"{urlsplit(doors.http).scheme}://{doors.otlp_grpc}"


def is_at(target: Target, doors: Doors) -> bool:
    """Whether a place on this machine is a door of the server here."""
    of_otlp = [grpc_url(doors)] if target.is_grpc else [doors.otlp_http, doors.http]
    places = [Target(place, ()) for place in ([doors.http] if target.is_api else of_otlp)]
    return any(target.is_beside(place) and target.port == place.port for place in places)
