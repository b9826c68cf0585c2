"""The way to a place: its name, its port, its certificate. Each is a check of its own, and the first that fails is
the last.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from bridge.diagnosis import alerts
from bridge.diagnosis.command_line import CHAIN, exported, quoted
from bridge.diagnosis.environment import grpc_url
from bridge.diagnosis.finding import Finding, Subject, place_of
from bridge.diagnosis.pace import Pace
from bridge.diagnosis.speech import PROBE_S, Address, Speech, speech_at
from bridge.diagnosis.target import Target
from bridge.presence import Doors

Resolve = Callable[[str, int], list[str]]

_SOON = timedelta(days=1)
_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _NO_ISSUER = 10, 9, 18, 19, 20  # X509_V_ERR_…
_NOT_THIS_NAME = (62, 64)
_TRUSTED = "OTEL_EXPORTER_OTLP_CERTIFICATE"


def addresses_of(host: str, port: int) -> list[str]:
    """What a name stands for, in the order in which clients try. Raises OSError."""
    told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in told))


class Network:
    """Goes to places within a pace. `doors`: of a server on this machine, to name where one should have gone.

    `start`: what starts one, where there is none.
    """

    def __init__(
        self,
        pace: Pace,
        doors: Doors | None,
        resolve: Resolve = addresses_of,
        start: str = "tracen serve",
    ) -> None:
        self._pace = pace
        self._doors = doors
        self._resolve = resolve
        self._start = start
        self._address_by_place: dict[tuple[str, bool, bool], Address | None] = {}

    def is_open(self, target: Target) -> bool:
        """Whether something listens there; nothing is told of it."""
        try:
            return self._first_open(self._addresses(target), target.port)[0] is not None
        except OSError:
            return False

    def reach(self, target: Target, subject: Subject) -> Generator[Finding, None, Address | None]:
        """Go to a place; what it returns is the address that answered. A second time it is known, and not told."""
        place = (place_of(target.url), target.is_tls, target.is_grpc)
        if place not in self._address_by_place:
            self._address_by_place[place] = None
            self._address_by_place[place] = yield from self._reach(target, subject)
        return self._address_by_place[place]

    def _reach(self, target: Target, subject: Subject) -> Generator[Finding, None, Address | None]:
        try:
            addresses = self._addresses(target)
        except OSError as error:
            doors = self._doors
            here = f"; Tracen runs at {doors.http}" if doors else ""
            found = f"{target.host} can not be resolved: {error.strerror or 'no answer'}{here}"
            yield subject.failure("name", found, _other_name(target, doors))
            return None
        open_at, refusals = self._first_open(addresses, target.port)
        if not _is_address(target.host):
            yield _judged_name(target, addresses, open_at, subject)
        if open_at is None:
            yield subject.failure("port", self._why_closed(target, refusals), *self._where_to(target))
            return None
        yield subject.ok("port", f"{target.port} is open")
        if target.is_tls and not (yield from self._shake_hands(target, (open_at, target.port), subject)):
            return None
        return open_at, target.port

    def _addresses(self, target: Target) -> list[str]:
        """Resolve on a thread: the system's resolver takes as long as it likes. Raises OSError."""
        found: list[list[str]] = []
        errors: list[OSError] = []

        def resolve() -> None:
            try:
                found.append(self._resolve(target.host, target.port))
            except OSError as error:
                errors.append(error)
            except UnicodeError:  # a label that is empty or too long
                errors.append(OSError(0, "it is no host name"))

        thread = threading.Thread(target=resolve, daemon=True)
        thread.start()
        wait_s = self._pace.step_s
        thread.join(wait_s)
        if errors:
            raise errors[0]
        if not found:
            raise OSError(0, f"no name server answered within {wait_s:.0f} s")
        return found[0]

    def _first_open(self, addresses: list[str], port: int) -> tuple[str | None, list[OSError]]:
        refusals: list[OSError] = []
        for address in addresses[:4]:
            try:
                socket.create_connection((address, port), self._pace.step_s / min(len(addresses), 2)).close()
            except OSError as error:
                refusals.append(error)
            else:
                return address, refusals
        return None, refusals

    def _why_closed(self, target: Target, refusals: list[OSError]) -> str:
        place = place_of(target.url)
        if any(isinstance(error, TimeoutError) for error in refusals):
            return f"{place} does not answer: a firewall is in between, or the address is another"
        refused = all(isinstance(error, ConnectionRefusedError) for error in refusals)
        why = f"nothing listens at {place}"
        if not refused:
            why = f"{place} can not be reached: {refusals[-1].strerror or refusals[-1]}"
        doors = self._doors
        return f"{why}; Tracen runs at {doors.http}" if doors and target.is_local else why

    def _where_to(self, target: Target) -> tuple[str, ...]:
        if target.is_local:
            return (sent_here(target, self._doors),) if self._doors else (self._start,)
        return (f"is Tracen running there, and {target.port} its port? `tracen serve` prints its ports",)

    def _shake_hands(
        self, target: Target, address: Address, subject: Subject
    ) -> Generator[Finding, None, bool]:
        try:
            context = target.files.context()
        except OSError:  # told where the environment is judged
            yield subject.skipped("TLS", "not tried: the files of its certificates can not be used")
            return False
        if target.is_grpc:
            context.set_alpn_protocols(["h2"])
        try:
            with socket.create_connection(address, self._pace.step_s) as plain:
                began_s = time.monotonic()
                with context.wrap_socket(plain, server_hostname=target.host) as secured:
                    if slip := alerts.listen(secured, time.monotonic() - began_s, target):
                        yield subject.failure("TLS", *slip)
                        return False
                    yield _judged_certificate(secured, subject)
        except OSError as error:  # ssl.SSLError is one
            yield subject.failure("TLS", *_tls_slip(error, target, address, min(PROBE_S, self._pace.step_s)))
            return False
        return True


def sent_here(target: Target, doors: Doors) -> str:
    """The line that sends a target's traces to the server that runs here.

    Where nobody has chosen a protocol it says that too: of a default both are tried, and one variable can name one.
    """
    if target.is_api:
        return exported("TRACEN_ENDPOINT", doors.http)
    variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
    if target.variable and target.variable != variable:
        url = grpc_url(doors) if target.is_grpc else f"{doors.otlp_http}/v1/traces"
        return exported(target.variable, url)
    is_free = not target.protocol_variable
    is_grpc = target.is_grpc and not (is_free and not target.variable)
    line = exported(variable, grpc_url(doors) if is_grpc else doors.otlp_http)
    protocol = "grpc" if is_grpc else "http/protobuf"
    return f"{line} OTEL_EXPORTER_OTLP_PROTOCOL={protocol}" if is_free else line


def _other_name(target: Target, doors: Doors | None) -> str:
    if doors:
        return sent_here(target, doors)
    return f"is {target.host} written as it should be? `getent hosts {quoted(target.host, 'HOST')}` asks the same"


def _judged_name(target: Target, addresses: list[str], open_at: str | None, subject: Subject) -> Finding:
    found = f"{target.host} is {', '.join(addresses[:3])}"
    if open_at and open_at != addresses[0] and target.is_local:
        repair = f"write {open_at if ':' not in open_at else f'[{open_at}]'} in place of {target.host}"
        return subject.warning(
            "name", f"{found}; only {open_at} answers, and some clients try the first alone", repair
        )
    return subject.ok("name", found)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _judged_certificate(secured: ssl.SSLSocket, subject: Subject) -> Finding:
    told = secured.getpeercert() or {}
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    found = f"{secured.version()}, the certificate is valid until {ends_at:%Y-%m-%d %H:%M} UTC"
    if ends_at - datetime.now(UTC) < _SOON:
        return subject.warning("TLS", found, "renew it; Tracen takes up the new files by itself")
    return subject.ok("TLS", found)


def _tls_slip(error: OSError, target: Target, address: Address, timeout_s: float) -> tuple[str, ...]:
    """What went wrong with TLS, and its repair; where it is not the certificate, what is spoken in place of it."""
    place, variable = place_of(target.url), target.variable or "TRACEN_ENDPOINT"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_slip(error, target)
    if slip := alerts.slip_in(str(error), target):
        return slip
    if speech_at(address, timeout_s) in (Speech.HTTP_1, Speech.HTTP_2):
        found = f"{place} speaks no TLS, though the endpoint begins with https://"
        return found, exported(variable, f"http://{place}")
    if isinstance(error, TimeoutError):
        return f"{place} takes connections, but does not answer TLS", "is that the port of Tracen?"
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return f"{place} breaks off TLS: {reason or 'the connection was closed'}", "is that the port of Tracen?"


def _certificate_slip(error: ssl.SSLCertVerificationError, target: Target) -> tuple[str, str]:
    code, whose = error.verify_code, f"the certificate of {place_of(target.url)}"
    if code == _EXPIRED:
        return f"{whose} has expired", "renew what `tracen serve --tls-cert` reads, or what the proxy has"
    if code == _NOT_YET_VALID:
        return f"{whose} is not valid yet", "is the clock of this machine right?"
    if code in _NOT_THIS_NAME:
        return (
            f"{whose} is not for the name {target.host}",
            "use a name that it is for, or have one made for this name",
        )
    if code in (_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _NO_ISSUER):
        why = "is signed by itself" if code == _SELF_SIGNED else "is signed by somebody"
        variable = target.files.ca_variable or ("SSL_CERT_FILE" if target.is_api else _TRUSTED)
        by = (
            f"{why}, whom {variable} does not name"
            if target.files.ca_file
            else f"{why}, and not trusted here"
        )
        return f"{whose} {by}", exported(variable, "", CHAIN)
    return f"{whose} is refused: {error.verify_message}", "have another one made"
