"""The four ways in: sends one span, or one payload, as an SDK would, and tells what came of it. Reads nothing back."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

from bridge.diagnosis import alerts
from bridge.diagnosis.certificate_files import bytes_of
from bridge.diagnosis.command_line import CHAIN, exported, plain_url
from bridge.diagnosis.endpoint_variables import spoken
from bridge.diagnosis.finding import place_of
from bridge.diagnosis.network import sent_here
from bridge.diagnosis.pace import Pace
from bridge.diagnosis.specimen import Specimen
from bridge.diagnosis.speech import PROBE_S, Address, Speech, speech_at
from bridge.diagnosis.target import Target, Transport
from bridge.diagnosis.web import AGENT, PROTOBUF, Answer, Unanswered, Web
from bridge.presence import Doors
from bridge.secrecy import shown
from viewer.logs import one_line

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_URL_FIELD = "x-tracen-url"
_MEDIA_TYPES = {Transport.HTTP_PROTOBUF: PROTOBUF, Transport.HTTP_JSON: "application/json"}


class Refused(Exception):
    """A door did not take it: `found` says why, `repair` what helps."""

    def __init__(self, found: str, *repair: str) -> None:
        super().__init__(found)
        self.found = found
        self.repair = repair


@dataclass(frozen=True, slots=True)
class Taken:
    """A door took it. `url` is that of the page, "" where it was not told; `quota` is how a post was counted."""

    url: str = ""
    quota: str = ""


class Sender:
    """Sends through the doors of one place after another. `doors`: of a server on this machine."""

    def __init__(self, specimen: Specimen, pace: Pace, doors: Doors | None) -> None:
        self._specimen = specimen
        self._pace = pace
        self._doors = doors
        self._unspoken_by_url: dict[str, Refused] = {}

    def send(self, target: Target, transport: Transport, address: Address, span_id: bytes) -> Taken:
        """Send a span, or the payload. Raises Refused."""
        if transport is Transport.GRPC:
            return self._call(target, address, span_id)
        if target.url in self._unspoken_by_url:  # what hangs is not waited for twice
            raise self._unspoken_by_url[target.url]
        try:
            answer = self._request(target, transport, span_id)
        except Unanswered as error:
            refused = self._unspoken(target, address, str(error), is_silent=error.is_silent)
            self._unspoken_by_url[target.url] = refused
            raise refused from None
        if answer.status == 200 and _is_taken(answer, transport):
            return Taken(_url_of(answer, transport), answer.headers.get("ratelimit", ""))
        raise refusal_of(answer, target)

    def _request(self, target: Target, transport: Transport, span_id: bytes) -> Answer:
        web = Web(target.origin, self._pace, target.secret if target.is_api else "", target.files)
        try:
            if transport is Transport.POST:
                headers = {"content-type": "application/json"}
                return web.ask("POST", f"{target.url}/api/traces", self._specimen.payload(), headers)
            make = self._specimen.otlp_json if transport is Transport.HTTP_JSON else self._specimen.protobuf
            body = make(span_id, transport.door)
            headers = {**target.headers, "content-type": _MEDIA_TYPES[transport]}
            if target.is_gzip:
                body, headers["content-encoding"] = gzip.compress(body), "gzip"
            return web.ask("POST", target.url, body, headers)
        finally:
            web.close()

    def _call(self, target: Target, address: Address, span_id: bytes) -> Taken:
        import grpc

        body = self._specimen.protobuf(span_id, Transport.GRPC.door)
        options = [("grpc.enable_http_proxy", 0), ("grpc.primary_user_agent", AGENT)]
        place = place_of(target.url)
        if target.is_tls:
            channel = grpc.secure_channel(place, grpc.ssl_channel_credentials(*_files_of(target)), options)
        else:
            channel = grpc.insecure_channel(place, options)
        compression = grpc.Compression.Gzip if target.is_gzip else grpc.Compression.NoCompression
        try:
            export = channel.unary_unary(_METHOD)
            _, call = export.with_call(
                body, self._pace.step_s, tuple(target.headers.items()), compression=compression
            )
        except grpc.RpcError as error:
            raise self._uncalled(target, address, error) from None
        except ValueError:
            raise Refused("the headers have a name that gRPC can not send") from None
        finally:
            channel.close()
        told = {name: value for name, value in call.trailing_metadata() or () if isinstance(value, str)}
        return Taken(told.get(_URL_FIELD, ""))

    # -- what went wrong -----------------------------------------------------------------------------------

    def _uncalled(self, target: Target, address: Address, error: Any) -> Refused:
        """Why a call failed. gRPC says UNAVAILABLE of whatever is no gRPC."""
        code, details = error.code().name, one_line(str(error.details() or ""))[:160]
        if code == "UNAUTHENTICATED":
            return key_refused(details, target)
        if code == "PERMISSION_DENIED":
            return Refused(details or "the key may not write", "make a key that may write, at /app/settings")
        if code in ("UNAVAILABLE", "UNKNOWN", "INTERNAL", "DEADLINE_EXCEEDED", "UNIMPLEMENTED"):
            slip = self._unspoken(
                target, address, f"{code}: {details}", Speech.HTTP_2, is_silent=code == "DEADLINE_EXCEEDED"
            )
            if code != "UNIMPLEMENTED" or "answers at" in slip.found:
                return slip
            return Refused(f"gRPC answers at {place_of(target.url)}, but takes no OTLP: {details}")
        return Refused(f"the call ended with {code}: {details}")

    def _unspoken(
        self,
        target: Target,
        address: Address,
        reason: str,
        wanted: Speech = Speech.HTTP_1,
        *,
        is_silent: bool,
    ) -> Refused:
        """What is spoken at the port, in place of what was expected."""
        if slip := alerts.slip_in(reason, target):
            return Refused(*slip)
        place = place_of(target.url)
        timeout_s = min(PROBE_S, self._pace.step_s)
        speech = speech_at(address, timeout_s, in_tls=target.is_tls)
        if speech is Speech.NOTHING or (is_silent and speech in (wanted, Speech.OTHER)):
            return Refused(
                f"{place} takes connections, and says nothing: it hangs, or is no Tracen",
                *self._elsewhere(target),
            )
        if speech is Speech.TLS:
            repair = exported(_variable(target), f"https://{place}")
            return Refused(f"TLS answers at {place}, though the endpoint begins with http://", repair)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            repair = exported("OTEL_EXPORTER_OTLP_CERTIFICATE", "", CHAIN)
            return Refused(
                "gRPC does not trust the certificate: it has its own list of whom to trust", repair
            )
        if speech is wanted or speech is Speech.OTHER:
            return Refused(f"{place} broke off: {reason}", *self._elsewhere(target))
        meant = "grpc" if wanted is Speech.HTTP_1 else "http/protobuf"
        found = f"{speech} answers at {place}, not {wanted}"
        if target.is_api:
            return Refused(
                found, sent_here(target, self._doors) if self._doors else "8000 is the port of posts"
            )
        or_so = f"or, to stay with {wanted}: {self._other_port(target)}"
        return Refused(found, spoken(meant, target.protocol_variable), or_so)

    def _other_port(self, target: Target) -> str:
        if self._doors and target.is_local:
            return sent_here(target, self._doors)
        ports = "4317 is the usual port of gRPC, 4318 that of HTTP"
        return f"{ports}: set {_variable(target)}"

    def _elsewhere(self, target: Target) -> tuple[str, ...]:
        if self._doors and target.is_local:
            return (f"Tracen runs at {self._doors.http}: {sent_here(target, self._doors)}",)
        return (f"is {place_of(target.url)} really Tracen's?",)


def _variable(target: Target) -> str:
    return target.variable or ("TRACEN_ENDPOINT" if target.is_api else "OTEL_EXPORTER_OTLP_ENDPOINT")


def _start(target: Target) -> str:
    """What the variable of a target should say, path included where the variable takes it as it is."""
    return f"{target.origin}/v1/traces" if "_TRACES_" in target.variable else target.origin


def _files_of(target: Target) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Whom to trust, and a key with its certificate: gRPC aborts the program that gives it one without the other."""
    files = target.files
    roots = bytes_of(files.ca_file) if files.ca_file else None
    if not files.has_certificate:
        return roots, None, None
    return roots, bytes_of(files.key_file), bytes_of(files.certificate_file)


def _is_taken(answer: Answer, transport: Transport) -> bool:
    """Whether a 200 is the answer of such a door, and not that of any web server."""
    if transport is Transport.POST:
        return "trace_id" in answer.json()
    return answer.media_type in _MEDIA_TYPES.values() or (not answer.body and not answer.media_type)


def _url_of(answer: Answer, transport: Transport) -> str:
    return (
        str(answer.json().get("url", ""))
        if transport is Transport.POST
        else answer.headers.get(_URL_FIELD, "")
    )


def refusal_of(answer: Answer, target: Target) -> Refused:
    """What an answer means that is not the one that was wanted."""
    words = f": {answer.words}" if answer.words else ""
    if answer.is_redirect:
        return redirected(answer, target)
    if answer.status == 401:
        return key_refused(answer.words, target)
    if answer.status == 403:
        return Refused(answer.words or "403", "make a key that may write, at /app/settings")
    if answer.status == 402:
        return Refused(f"402{words}", "subscribe at /app/subscription")
    if answer.status == 404:
        path = target.url.removeprefix(target.origin) or "/"
        return Refused(
            f"404: nothing is received at {shown(path)}", exported(_variable(target), _start(target))
        )
    if answer.status == 429:
        wait = answer.headers.get("retry-after", "")
        return Refused(f"429{words}", f"try again in {one_line(wait)[:20]} s" if wait else "try again later")
    if answer.status == 200:
        kind = one_line(answer.media_type)[:60] or "no type"
        return Refused(
            f"200, but what answers at {place_of(target.url)} is no Tracen ({kind})",
            f"is {place_of(target.url)} really Tracen's?",
        )
    return Refused(f"{answer.status}{words or ': the server refuses it'}")


def redirected(answer: Answer, target: Target) -> Refused:
    """To a redirect no sender follows; where it leads is often what was meant."""
    location = answer.headers["location"]
    start = location.split("/v1/traces")[0].split("/api/")[0].split("/readyz")[0].rstrip("/")
    url = plain_url(start) if "://" in start else ""
    repair = (exported(_variable(target), url),) if url else ()
    return Refused(f"{answer.status}: redirects to {shown(location)}, which senders do not follow", *repair)


def key_refused(words: str, target: Target) -> Refused:
    """The server knows no such key, or got none."""
    found = (words or "the key is refused") if target.secret else "no key is sent"
    return Refused(found, *target.key_repair)
