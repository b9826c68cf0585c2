"""This project's own service as the endpoint: the app over a real store, on a real port, at a time that a test moves.

It takes the same faults as the strict stand-in, one for each POST or DELETE to come.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.bridge.forwarding.strict_tracen import Fault
from tests.viewer.stores import MANY_BYTES
from tracen_otel.redact import Redaction
from viewer.app import create_app
from viewer.keys import Authenticator, create_key
from viewer.limits import Limiter, plans_of
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import Store
from viewer.store.sqlite import SqliteStore
from viewer.tellings import trace_of

T = TypeVar("T")

OWNER = "target@team.example"


class OwnTracen:
    """The service on a thread of its own; `key` is that of its one account."""

    def __init__(self, folder: Path, limit: int, clock_ns: Callable[[], int]) -> None:
        self.faults: deque[Fault] = deque()
        self.poison: dict[str, Fault] = {}
        """What every POST gets that tells of a step of this name."""
        self.refused_by_limit = 0
        self._limit = limit
        self._clock_ns = clock_ns
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._store: Store = self._run(self._opened(folder / "target.db"))
        self.key = self._run(create_key(self._store, OWNER, clock_ns()))
        self.port = 0
        self.open()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _opened(self, path: Path) -> Store:
        return SqliteStore(path)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Accept connections, on the same port as before."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        config = uvicorn.Config(self._app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._serving = asyncio.run_coroutine_threadsafe(
            self._server.serve(sockets=[self._listening]), self._loop
        )
        while not self._server.started:
            time.sleep(0.001)

    def close(self) -> None:
        """An outage."""
        self._server.should_exit = True
        self._serving.result(30)
        self._listening.close()

    def end(self) -> None:
        """For good."""
        self.close()
        self._run(self._store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def _app(self) -> ASGIApp:
        requests = Requests(Metrics(), self._clock_ns)
        plans = plans_of("", self._limit)
        app = create_app(
            self._store,
            Settings(base_url=self.endpoint),
            Authenticator(self._store, time.monotonic),
            requests,
            clock_ns=self._clock_ns,
            limiter=Limiter(self._store, plans, self._clock_ns),
        )
        return _Faulty(app, self)

    def steps_by_page(self) -> dict[str, list[str]]:
        """The names of the steps on each page that is there."""
        return self._run(self._steps_by_page())

    async def _steps_by_page(self) -> dict[str, list[str]]:
        account = await self._store.accounts.by_email(OWNER)
        assert account is not None
        steps = {}
        for recent in await self._store.recent_traces(account.id, None, 1_000):
            page = await self._store.page_of(account.id, recent.otel_trace_id, self._clock_ns())
            assert page is not None
            telling = await self._store.telling(page, MANY_BYTES)
            trace = trace_of(telling, recent.otel_trace_id.hex(), Redaction())
            steps[page.id] = [step.name for step in trace.steps]
        return steps


class _Faulty:
    """The app behind a network that breaks off."""

    def __init__(self, app: ASGIApp, service: OwnTracen) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_change = scope["type"] == "http" and scope["method"] in ("POST", "DELETE")
        faults = self._service.faults
        body, receive = await _read_ahead(receive) if is_change else (b"", receive)
        fault = next(
            (told for name, told in self._service.poison.items() if f'"{name}"'.encode() in body), None
        )
        if fault is None and is_change and faults:
            fault = faults.popleft()
        if fault is None:
            await self._app(scope, receive, self._counting(send))
            return
        if fault.is_done:
            await self._app(scope, receive, _nowhere)
        headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
        size = len(fault.body) if fault.status else 100  # more than comes: the connection breaks off
        headers.append((b"content-length", str(size).encode()))
        await send({"type": "http.response.start", "status": fault.status or 200, "headers": headers})
        await send({"type": "http.response.body", "body": fault.body, "more_body": not fault.status})

    def _counting(self, send: Send) -> Send:
        async def count(message: Message) -> None:
            self._service.refused_by_limit += message.get("status") == 429
            await send(message)

        return count


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """The body of a request, and what gives the app the same messages."""
    told: deque[Message] = deque()
    while not told or told[-1].get("more_body"):
        told.append(await receive())
    body = b"".join(message.get("body", b"") for message in told)

    async def again() -> Message:
        return told.popleft() if told else await receive()

    return body, again


async def _nowhere(message: Message) -> None:
    """The answer is lost."""
