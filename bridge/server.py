"""One process: viewer and bridge on one event loop, over one store.

Order matters. Ports first, so that a taken one costs nothing; then the store; then every door at once. At the
end the doors close while the store is still open, so that what is in flight is finished and acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from bridge.chores import Chores
from bridge.forwarding.terms import check_no_loop, terms_of
from bridge.grpc_server import GRACE_S, PortTaken, open_grpc
from bridge.guard import GuardedProtocol
from bridge.http_routes import Elsewhere, create_otlp_app, otlp_routes
from bridge.quotas import Quotas
from bridge.receive import Receiver
from bridge.tls import Certificate, TlsUnusable
from viewer import workers
from viewer.accounts.addresses import LOCAL
from viewer.accounts.tickets import login_url
from viewer.app import create_app
from viewer.astray import Astray
from viewer.front.sample import plant
from viewer.keys import Authenticator, create_key
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import Store, StoreUnusable
from viewer.store.engines import open_store

logger = logging.getLogger("tracen.server")

BACKLOG = 2048
_FIRST_KEY = "First key"
"""What the settings call it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Every door is open. On the very first start: the key that was made for the local account, and a link into it."""

    http: str
    otlp_grpc: str
    otlp_http: str
    base_url: str
    first_secret: str = ""
    first_link: str = ""
    lacks_key: bool = False
    """There is no local account, or it has none that lasts: those of `tracen run` end."""


class Door(Protocol):
    """An open port."""

    async def close(self) -> None:
        """Take nothing new, finish what is in flight within GRACE_S."""


async def serve(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT. Before that, raises PortTaken or `viewer.store.base.StoreUnusable`.

    Raises StoreUnusable as well when the disk fails while serving.
    """
    stop = asyncio.Event()
    broken: list[str] = []
    loop = asyncio.get_running_loop()

    def on_broken(reason: str) -> None:
        broken.append(reason)
        loop.call_soon_threadsafe(stop.set)

    _stop_on_signals(stop)
    with (
        _listening(settings.host, settings.port, "--port") as http,
        _listening(settings.host, settings.otlp_http_port, "--otlp-http-port") as otlp,
    ):
        ports = _Ports(http, otlp, _certificate(settings))
        settings = replace(settings, base_url=_base_url(settings, _port(http)))
        if terms := terms_of(settings):
            check_no_loop(terms, settings.base_url, *ports.urls(settings))
        metrics = Metrics()
        store = open_store(settings.db, on_broken=on_broken, on_commit=metrics.committed)
        try:
            for gauge in store.gauges():
                metrics.watch(*gauge)
            await _serve_store(store, settings, metrics, ports, stop, announce)
        finally:
            await store.close()
    if broken:
        raise StoreUnusable(broken[0])


@dataclass(frozen=True, slots=True)
class _Ports:
    """What is listened on before anything else is touched, and the certificate of every door."""

    http: socket.socket
    otlp: socket.socket
    certificate: Certificate | None

    @property
    def tls(self) -> ssl.SSLContext | None:
        return self.certificate.context if self.certificate else None

    def urls(self, settings: Settings) -> tuple[str, str]:
        """Where pages, and OTLP over HTTP, are answered."""
        start = f"{_scheme(settings)}://{_reachable(settings.host)}"
        return f"{start}:{_port(self.http)}", f"{start}:{_port(self.otlp)}"

    def ready(self, settings: Settings, grpc_port: int) -> Ready:
        http, otlp_http = self.urls(settings)
        return Ready(http, f"{_reachable(settings.host)}:{grpc_port}", otlp_http, settings.base_url)


async def _serve_store(
    store: Store,
    settings: Settings,
    metrics: Metrics,
    ports: _Ports,
    stop: asyncio.Event,
    announce: Callable[[Ready], None],
) -> None:
    keys = Authenticator(store, time.monotonic)
    requests = Requests(metrics, time.time_ns)
    quotas = Quotas(store, settings.otlp_bytes_per_minute, settings.account_max_bytes, time.monotonic)
    receiver = Receiver(store, keys, quotas, settings.base_url, time.time_ns)
    _watch(metrics, receiver)
    routes = otlp_routes(receiver, requests, settings.otlp_max_body_bytes, settings.proxies)
    viewer = create_app(store, settings, keys, requests, more_routes=routes)
    doors: list[Door] = []
    chores = await Chores.begun(store, settings, metrics)
    if ports.certificate:
        chores.begin(ports.certificate.keep_fresh())
    try:
        with _option_named("--otlp-grpc-port"):
            grpc_door = await open_grpc(
                receiver,
                requests,
                settings.host,
                settings.otlp_grpc_port,
                settings.otlp_max_body_bytes,
                ports.certificate.grpc_credentials() if ports.certificate else None,
            )
        doors.append(grpc_door)
        doors.append(await _open_http(viewer, ports.http, ports.tls))
        otlp = create_otlp_app(
            routes, Elsewhere(Astray(keys, requests, settings.proxies)), settings.cors_origin_list
        )
        doors.append(await _open_http(otlp, ports.otlp, ports.tls))
        ready = ports.ready(settings, grpc_door.port)
        if await store.accounts.is_empty():  # only now that every door is open: a key is shown once
            ready = await _with_local_account(store, ready)
        else:
            ready = replace(ready, lacks_key=await _lacks_key(store))
        await plant(store, time.time_ns())
        announce(ready)
        logger.info("serving from %s", settings.db)
        await stop.wait()
        logger.info("ending: what is in flight is finished first")
    finally:
        chores.cancel()
        workers.stop()
        for stream in viewer.state.streams:
            stream.stop()
        await asyncio.gather(chores.ended(), *(door.close() for door in doors))


def _watch(metrics: Metrics, receiver: Receiver) -> None:
    metrics.watch(
        "tracen_intake_bytes",
        "Bodies being read or on their way to disk.",
        lambda: receiver.intake.bytes_in_hand,
    )
    metrics.watch(
        "tracen_http2_connections",
        "Connections that spoke HTTP/2, as gRPC does, to a port of HTTP/1.1.",
        lambda: GuardedProtocol.http2_count,
    )


async def _with_local_account(store: Store, ready: Ready) -> Ready:
    """Make the account of whoever runs the server, with what opens it to programs and to a browser."""
    secret = await create_key(store, LOCAL, time.time_ns(), _FIRST_KEY)
    account = await store.accounts.create(LOCAL, time.time_ns())
    link = await login_url(store.accounts, account, ready.base_url, time.time_ns())
    return replace(ready, first_secret=secret, first_link=link)


async def _lacks_key(store: Store) -> bool:
    account = await store.accounts.by_email(LOCAL)
    return account is None or all(
        key.expires_ns is not None for key in await store.accounts.keys_of(account.id)
    )


def _certificate(settings: Settings) -> Certificate | None:
    if not settings.tls_cert and not settings.tls_key:
        return None
    if not settings.tls_cert or not settings.tls_key:
        raise TlsUnusable("TLS takes both --tls-cert and --tls-key")
    return Certificate(settings.tls_cert, settings.tls_key)


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: signals are settled once, for all doors."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class _HttpDoor:
    server: _Server
    serving: asyncio.Task[None]

    async def close(self) -> None:
        self.server.should_exit = True
        await self.serving


async def _open_http(app: ASGIApp, listening: socket.socket, tls: ssl.SSLContext | None) -> _HttpDoor:
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=(lambda config, default: tls) if tls else None,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    return _HttpDoor(server, serving)


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first signal ends the service in order, the second at once."""

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


@contextlib.contextmanager
def _option_named(option: str) -> Iterator[None]:
    """Have a refusal to open a port name the option that chooses it."""
    try:
        yield
    except PortTaken as error:
        raise PortTaken(f"{error}; {option} names another, 0 picks a free one") from None


@contextlib.contextmanager
def _listening(host: str, port: int, option: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError as error:
            refused = f"{host}:{port}: {error.strerror or error}"
            if error.errno == errno.EADDRNOTAVAIL:
                raise PortTaken(f"{refused}; --host takes an address of this machine") from None
            with _option_named(option):
                raise PortTaken(refused) from None
        yield listening


def _port(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def _reachable(host: str) -> str:
    """An address to print: one that a client on this machine can use."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared with, not bound to
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _base_url(settings: Settings, port: int) -> str:
    return settings.base_url.rstrip("/") or f"{_scheme(settings)}://{_reachable(settings.host)}:{port}"


def _scheme(settings: Settings) -> str:
    return "https" if settings.tls_cert else "http"
