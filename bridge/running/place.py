"""Where a run's spans go, and with which key: as somebody says, else the server of the store on this machine."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge import presence
from bridge.asking import Server, ServerError
from bridge.console import on_store
from bridge.running.environment import GRPC, HTTP, Destination
from bridge.running.local import LocalServer, NoServer, local_server

if TYPE_CHECKING:
    from viewer.store.base import Store

logger = logging.getLogger("tracen.running")

_GRPC_PORT = 4317
_KEY_LASTS_NS = 24 * 3600 * 10**9
_PROBE_TIMEOUT_S = 5.0


class NoPlace(Exception):
    """There is nowhere to send spans to; the message says what would help."""


@dataclass(slots=True)
class Place:
    """Where spans go. `server` asks it; `local` is it where it is on this machine; `keeps_key`: ours is not revoked."""

    destination: Destination
    server: Server
    before: frozenset[str]
    """OTel ids of traces that came with the key already."""
    local: LocalServer | None = None
    keeps_key: bool = False
    has_own_key: bool = False


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
    doors = presence.find(wanted.db) if is_file else None
    endpoint = wanted.endpoint
    if (
        endpoint is None and not is_file
    ):  # whoever listens at a usual address may not be it, and would be told a key
        raise NoPlace(
            "the server of a database says nowhere where it is: give TRACEN_ENDPOINT, or --endpoint"
        )
    is_ours = doors is not None and endpoint in (doors.http, doors.base_url)
    if endpoint is not None and not is_ours and (is_file or wanted.key):
        yield _elsewhere(endpoint, wanted.protocol, wanted.key)
        return
    with ExitStack() as ending:
        made: list[Place] = []
        key = wanted.key or ending.enter_context(_own_key(wanted.db, label, made))
        if endpoint is not None and not is_ours:
            made.append(_elsewhere(endpoint, wanted.protocol, key))
            made[0].has_own_key = not wanted.key
            yield made[0]
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
        place.has_own_key = not wanted.key
        made.append(place)
        yield place


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


# -- a key of its own ----------------------------------------------------------------------------------


@contextmanager
def _own_key(db: str, label: str, made: list[Place]) -> Iterator[str]:
    """A key of the local account for the length of a block; if nobody revokes it, it is refused after a day."""
    from viewer.accounts.addresses import LOCAL
    from viewer.keys import new_key, new_secret

    secret = new_secret()
    new = replace(new_key(secret, label), expires_ns=time.time_ns() + _KEY_LASTS_NS)

    async def add(store: Store) -> tuple[str, str]:
        account = await store.accounts.create(LOCAL, time.time_ns())
        return account.id, (await store.accounts.add_key(account.id, new, time.time_ns())).id

    account_id, key_id = on_store(str(Path(db).expanduser()) if "://" not in db else db, add, is_made=True)
    logger.debug("a key for this run was made: %s", new.hint)
    try:
        yield secret
    finally:
        if not any(place.keeps_key for place in made):
            with contextlib.suppress(
                SystemExit
            ):  # said; how the program ended counts, and the key has an end
                on_store(db, lambda store: store.accounts.revoke_key(account_id, key_id, time.time_ns()))
