"""Where a run's spans go, and with which key: as somebody says, else the server of the store on this machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from bridge import presence
from bridge.asking import Server, ServerError
from bridge.own_key import OwnKey, own_key
from bridge.presence import Doors
from bridge.running.environment import GRPC, HTTP, Destination
from bridge.running.local import LocalServer, NoServer, local_server

_GRPC_PORT = 4317
_PROBE_TIMEOUT_S = 5.0


class NoPlace(Exception):
    """There is nowhere to send spans to; the message says what would help."""


@dataclass(slots=True)
class Place:
    """Where spans go. `server` asks it; `local` is it where it is on this machine; `own` is a key that was made."""

    destination: Destination
    server: Server
    before: frozenset[str]
    """OTel ids of traces that came with the key already."""
    local: LocalServer | None = None
    own: OwnKey | None = None

    def keep_key(self, is_kept: bool) -> None:
        """Say whether a key of ours stays: somebody may still send with it."""
        if self.own is not None:
            self.own.is_kept = is_kept


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody says of it."""

    db: str
    endpoint: str | None
    key: str | None
    protocol: str


@contextmanager
def place_for(wanted: Wanted, label: str) -> Iterator[Place]:
    """Where a run's spans go, for the length of a block. `label` is for a key that is made. Raises NoPlace."""
    is_file = "://" not in wanted.db
    doors = _doors_of(wanted.db, wanted.endpoint) if is_file else None
    endpoint = wanted.endpoint
    if endpoint is None and not is_file:  # a usual address may be anybody's, who would be told a key
        raise NoPlace(
            "the server of a database says nowhere where it is: give TRACEN_ENDPOINT, or --endpoint"
        )
    is_ours = doors is not None and endpoint in (doors.http, doors.base_url)
    if endpoint is not None and not is_ours and (is_file or wanted.key):
        yield _elsewhere(endpoint, wanted.protocol, wanted.key)
        return
    with ExitStack() as ending:
        own = None if wanted.key else ending.enter_context(own_key(wanted.db, label))
        key = wanted.key or (own.secret if own else "")
        if endpoint is not None and not is_ours:
            yield replace(_elsewhere(endpoint, wanted.protocol, key), own=own)
            return
        try:
            local = ending.enter_context(local_server(wanted.db))
        except NoServer as error:
            raise NoPlace(str(error)) from None
        try:
            place = _here(local, wanted.protocol, key)
        except NoPlace as error:
            hint = "; is TRACEN_KEY of another server? Give --endpoint too, or unset it" if wanted.key else ""
            raise NoPlace(f"{error}{hint}") from None
        yield replace(place, own=own)


def _doors_of(db: str, endpoint: str | None) -> Doors | None:
    """Of the server that has the file; one that does not tell where it is matters where no endpoint is given."""
    try:
        return presence.look(db)
    except presence.Untold as untold:
        if endpoint is None:
            raise NoPlace(f"{untold}; name it with --endpoint") from None
    except (ValueError, RuntimeError):  # no name of a file, which is told where the store is opened
        pass
    return None


def _here(local: LocalServer, protocol: str, key: str) -> Place:
    doors = local.doors
    grpc = f"{urlsplit(doors.http).scheme}://{doors.otlp_grpc}"
    destination = Destination(doors.http, grpc if protocol == GRPC else doors.otlp_http, protocol, key)
    return _asked(destination, local)


def _elsewhere(endpoint: str, protocol: str, key: str | None) -> Place:
    """The port of pages takes OTLP/HTTP as well; of gRPC the usual port is all that can be known."""
    if not key:
        raise NoPlace(f"{endpoint} takes a key: give it as TRACEN_KEY, or --key")
    otlp = endpoint.rstrip("/")
    if protocol == GRPC:
        parts = urlsplit(otlp)
        otlp = f"{parts.scheme}://{_bracketed(parts.hostname or '')}:{_GRPC_PORT}"
        with contextlib.closing(_reached(parts.hostname or "", otlp)):
            pass
    return _asked(Destination(endpoint.rstrip("/"), otlp, protocol, key))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reached(host: str, url: str) -> socket.socket:
    try:
        return socket.create_connection((host, _GRPC_PORT), _PROBE_TIMEOUT_S)
    except OSError as error:
        raise NoPlace(
            f"{url} can not be reached ({error.strerror or error}); --protocol {HTTP} needs no port of its own"
        ) from None


def _asked(destination: Destination, local: LocalServer | None = None) -> Place:
    """Before anything is run: spans that nobody takes would be noticed at its end."""
    server = Server(destination.http, destination.key)
    try:
        told = server.get("/api/requests")
    except ServerError as error:
        raise NoPlace(str(error)) from None
    if not isinstance(told.get("traces"), list):
        raise NoPlace(f"{destination.http} is a Tracen that does not tell which traces came; it is too old")
    return Place(destination, server, frozenset(map(str, told["traces"])), local)
