"""What a caller's environment means: the places that traces are sent to, and how. Reads nothing, asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from bridge.diagnosis.certificate_files import TLSFiles
from bridge.diagnosis.finding import port_of


class Transport(StrEnum):
    """How traces travel. The values of the first three are those of OTEL_EXPORTER_OTLP_PROTOCOL."""

    GRPC = "grpc"
    HTTP_PROTOBUF = "http/protobuf"
    HTTP_JSON = "http/json"
    POST = "post"

    @property
    def door(self) -> str:
        """As a person calls it."""
        return _DOORS[self]


_DOORS = {
    Transport.GRPC: "gRPC",
    Transport.HTTP_PROTOBUF: "HTTP protobuf",
    Transport.HTTP_JSON: "HTTP JSON",
    Transport.POST: "POST",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A place that traces are sent to. `url` is as requests have it, path included; of Tracen itself, its start.

    `variable` named it, "" where it is a default. `secret` is the key in `headers`, or what goes with a post.
    """

    url: str
    transports: tuple[Transport, ...]
    variable: str = ""
    secret: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: TLSFiles = field(default_factory=TLSFiles)
    is_gzip: bool = False
    is_key_broken: bool = False
    """What should have been a key is none, which is told where the environment is judged."""
    key_repair: tuple[str, ...] = ()
    """What gives it a key, where it has none, or one that is refused."""
    protocol_variable: str = ""
    """What named the protocol; "" where nothing did."""
    store: str = ""
    """The file of the server that is asked, where it is known to be the one of that file."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return port_of(self.url)

    @property
    def is_tls(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    @property
    def origin(self) -> str:
        """Scheme, host and port alone."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_grpc(self) -> bool:
        return Transport.GRPC in self.transports

    @property
    def is_api(self) -> bool:
        return Transport.POST in self.transports

    @property
    def is_local(self) -> bool:
        return is_loopback(self.host)

    def is_beside(self, other: Target) -> bool:
        """Whether both are on one host, so that a key of one may be shown to the other."""
        return self.host == other.host or (self.is_local and other.is_local)


@dataclass(frozen=True, slots=True)
class Meant:
    """Where an environment sends traces. `api` is where pages and the API are, if that is known.

    `is_otlp_chosen`, `is_api_chosen`: by a variable or an option, and not for want of one.
    """

    otlp: tuple[Target, ...]
    api: Target | None
    is_otlp_chosen: bool
    is_api_chosen: bool


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone; 0.0.0.0 is, for whoever goes there."""
    try:
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
