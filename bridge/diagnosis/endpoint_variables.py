"""Where the variables of an OTLP exporter point, as SDKs read them, and the slips that are made with it.

OTel specification, protocol/exporter.md: an endpoint of all signals gets /v1/traces, one of traces is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bridge.diagnosis.command_line import exported, plain_url
from bridge.diagnosis.finding import Finding, Subject
from bridge.diagnosis.target import Transport
from bridge.secrecy import shown

GENERAL, OF_TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL, PROTOCOL_OF_TRACES = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
_EXPORTER = "OTEL_TRACES_EXPORTER"
PATH = "/v1/traces"
_INSECURE = ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE")
GRPC_PORT, HTTP_PORT = 4317, 4318
_USER_SLIP = "has a user name or password in it, which takes the place of the key"
_QUOTES_AND_SPACES = " \t\r\n\"'`“”‘’<>"


@dataclass(frozen=True, slots=True)
class EndpointVariable:
    """The variable that says where traces go, and its value; both "" where none does."""

    name: str
    text: str

    @property
    def bare(self) -> str:
        """Without what was not meant: quotes and spaces."""
        return self.text.strip(_QUOTES_AND_SPACES)


def read_endpoint(environ: Mapping[str, str]) -> EndpointVariable:
    """That of traces, else that of all signals; one that is empty counts as absent."""
    for name in (OF_TRACES, GENERAL):
        if text := environ.get(name, ""):
            return EndpointVariable(name, text)
    return EndpointVariable("", "")


def read_protocol(environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that says how, and its value; both "" where none does."""
    for name in (PROTOCOL_OF_TRACES, PROTOCOL):
        if text := environ.get(name, "").strip():
            return name, text
    exporters = environ.get(_EXPORTER, "")
    for exporter, protocol in (("otlp_proto_grpc", "grpc"), ("otlp_proto_http", "http/protobuf")):
        if exporter in exporters:
            return _EXPORTER, protocol
    return "", ""


def read_insecure(environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that says whether gRPC goes without TLS, and its value; both "" where none does."""
    for name in _INSECURE:
        if text := environ.get(name, "").strip():
            return name, text
    return "", ""


def judge_insecure(name: str, text: str, url: str, protocol: str, subject: Subject) -> Iterator[Finding]:
    """What is wrong with it. By the specification a scheme goes before it; in Python http:// does not."""
    check, scheme, word = "OTLP insecure", url.partition("://")[0], text.lower()
    if not text or transports_of(protocol, url) != (Transport.GRPC,):
        return
    if scheme == "http" and word != "true":
        found = f"{name}={shown(text)}: Python speaks TLS then, though the endpoint begins with http://"
    elif scheme == "https" and word == "true":
        found = f"{name}=true, but the endpoint begins with https://, which goes before it: there is TLS"
    elif word not in ("true", "false"):
        found = f"{name} is {shown(text)!r}; only `true` means true, so there is TLS"
    else:
        return
    yield subject.warning(check, found, f"unset {name}")


def spoken(protocol: str, variable: str) -> str:
    """The line that sets a protocol. `variable`: what names it so far, "" where nothing does."""
    if variable == _EXPORTER:
        return exported(variable, f"otlp_proto_{protocol.partition('/')[0]}")
    return exported(variable or PROTOCOL, protocol)


def judge_protocol(name: str, text: str, subject: Subject) -> Iterator[Finding]:
    """Tell of a protocol that no SDK knows."""
    if text and text not in ("grpc", "http/protobuf", "http/json"):
        meant = (
            "grpc" if "grpc" in text.lower() else "http/json" if "json" in text.lower() else "http/protobuf"
        )
        found = f"{name} is {shown(text)!r}; SDKs know grpc, http/protobuf and http/json"
        yield subject.failure("OTLP protocol", found, f"export {name}={meant}")


def transports_of(protocol: str, url: str) -> tuple[Transport, ...]:
    """How traces travel. Over HTTP both encodings are looked at: SDKs that know one of them do not ask."""
    if protocol == "grpc" or (not protocol.startswith("http") and _host_and_port(url)[1] == GRPC_PORT):
        return (Transport.GRPC,)
    return (Transport.HTTP_PROTOBUF, Transport.HTTP_JSON)


def _host_and_port(url: str) -> tuple[str, int | None]:
    """Of what may be no URL at all; "" and None then."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def url_slip(bare: str) -> str:
    """What keeps a text from being an absolute http or https URL; "" where it is one."""
    if any(character in bare for character in _QUOTES_AND_SPACES):
        return "has quotes or spaces in it, which are taken as part of it"
    if bare.startswith("$") or "${" in bare:
        return "holds the name of a variable that was never filled in"
    try:
        parts = urlsplit(bare)
        port = parts.port
    except ValueError:
        return _USER_SLIP if "@" in bare else "has a port that is none, or half an address"
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return "does not begin with http:// or https://"
    if "@" in bare:
        return _USER_SLIP
    if not parts.hostname or port == 0 or not bare.isascii() or not bare.isprintable():
        return "names no host and port that can be asked"
    if parts.query or parts.fragment:
        return "has a ? or # in it, and takes none"
    return ""


def with_scheme(variable: EndpointVariable, protocol: str, is_insecure: bool) -> str:
    """An endpoint that gRPC's SDKs take: host:port without a scheme is TLS, unless it is said not to be."""
    is_bare = not set("/@?#") & set(variable.bare) and bool(_host_and_port(f"//{variable.bare}")[0])
    if not is_bare or transports_of(protocol, f"//{variable.bare}") != (Transport.GRPC,):
        return variable.bare
    return f"{'http' if is_insecure else 'https'}://{variable.bare}"


def judge_endpoint(
    variable: EndpointVariable, url: str, protocol: str, subject: Subject
) -> Iterator[Finding]:
    """What is wrong with where traces go. `url`: as `with_scheme` has it."""
    check, name, bare = "OTLP endpoint", variable.name, variable.bare
    slip = url_slip(variable.text) if variable.text != bare else url_slip(url)
    if slip:
        repair = exported(name, plain_url(bare))
        yield subject.failure(check, f"{name}={shown(variable.text)} {slip}", repair)
        return
    if url != bare:
        found = f"{name} has neither http:// nor https://, and SDKs differ in which is meant"
        yield subject.warning(check, found, exported(name, f"http://{bare}"))
        return
    yield from _judge_path(variable, protocol, subject)


def _judge_path(variable: EndpointVariable, protocol: str, subject: Subject) -> Iterator[Finding]:
    check, name, bare = "OTLP path", variable.name, variable.bare.rstrip("/")
    parts = urlsplit(bare)
    start = bare.removesuffix(PATH)
    if transports_of(protocol, bare) == (Transport.GRPC,):
        if parts.path:
            found = f"{name} has a path, which gRPC does not use"
            yield subject.warning(check, found, exported(name, f"{parts.scheme}://{parts.netloc}"))
    elif name == GENERAL and parts.path.endswith(PATH):
        found = f"{name} ends in {PATH}, and SDKs add it again; Tracen understands that, others do not"
        yield subject.warning(check, found, exported(name, start))
    elif name == OF_TRACES and not parts.path:
        found = f"{name} has no path, and SDKs add none; Tracen understands that, others do not"
        yield subject.warning(check, found, exported(name, f"{start}{PATH}"))


def request_url(variable: EndpointVariable, url: str, protocol: str) -> str:
    """What an exporter sends requests to."""
    if transports_of(protocol, url) == (Transport.GRPC,):
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}"
    if variable.name != OF_TRACES:
        return url.rstrip("/") + PATH
    return url if urlsplit(url).path else f"{url}/"
