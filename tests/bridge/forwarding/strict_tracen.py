"""Another Tracen: a real HTTP server on loopback that knows the documented fields and endpoints, and nothing else.

It knows no OTel trace id, so each accepted POST is a page of its own. Its limit is exact, by a clock that is injected.
What it accepted is written down with its time, and how often its limit had to refuse. Faults are put on `faults`, one
for each POST or DELETE to come, or in `poison`, where they stay.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.bridge.forwarding.documented_payload import errors_of

KEY = "tracen_sk_strict000000000000000000000000"
_PAGES = "/traces/"
_API = "/api/traces"


# -- what it is told to be -------------------------------------------------------------------------------


@dataclass(slots=True)
class Manners:
    """Which of the servers that keep to the contract this one is. May be changed while it runs."""

    limit: int = 100
    window_s: int = 3600
    refuses_unknown_fields: bool = False
    delete_refusal: int | None = None
    """What DELETE is answered with by a server without it: 404, 405, 501 or 403."""
    deleted_again: int = 204
    """What the second DELETE of a page is answered with: 204, 404 or 410."""
    tells_limit: bool = False
    """RateLimit-Policy and RateLimit on every answer to a valid key."""
    max_body_bytes: int = 5 * 1024 * 1024
    most_steps: int | None = None
    """What has more of them is refused for good; None: no number is too large."""
    steps_refusal: int = 422
    """With which status."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request gets instead of its answer. `status` 0: none, the connection breaks off.

    `is_done`: the request has its effect all the same. `hangs`: nothing is said until the client, or the server, goes.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_done: bool = False
    hangs: bool = False


RESET = Fault()
ANSWER_LOST = Fault(is_done=True)
SLOW = Fault(hangs=True)
SLOW_BUT_DONE = Fault(hangs=True, is_done=True)
HTML = Fault(200, {"Content-Type": "text/html"}, b"<!doctype html><h1>Welcome to the hotel</h1>")


def refused(status: int, **headers: str) -> Fault:
    """A fault that is a status: 401, 402, 413, 500, 503 with Retry_After, …"""
    return Fault(status, {name.replace("_", "-"): value for name, value in headers.items()})


def redirect(to: str, status: int = 307) -> Fault:
    return Fault(status, {"Location": to})


# -- what it does ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A POST that counts against the limit."""

    at_s: float
    key: str
    page_id: str
    payload: dict[str, Any]


class StrictTracen:
    """The service itself, without a socket: a request in, an answer out."""

    def __init__(self, manners: Manners, clock_s: Callable[[], float]) -> None:
        self.manners = manners
        self.keys = {KEY}
        self.accepted: list[Accepted] = []
        self.refused_by_limit = 0
        """How often a client had not kept to the limit by itself."""
        self.refused_at_s: list[float] = []
        self.requests: list[Request] = []
        self.pages: dict[str, dict[str, Any]] = {}
        """Payloads of the pages that are there, by page id."""
        self.deleted: set[str] = set()
        self.faults: deque[Fault] = deque()
        self.poison: dict[str, Fault] = {}
        """What every POST gets that tells of a step of this name; under a method: what all of its requests get."""
        self.endpoint = ""
        self.pages_path = _PAGES
        self._clock_s = clock_s
        self._answered: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        self._lock = threading.Lock()

    def accepted_within(self, window_s: float) -> int:
        """The most that were accepted in any window of this length."""
        times = [each.at_s for each in self.accepted]
        return max((sum(start <= at_s < start + window_s for at_s in times) for start in times), default=0)

    def answer(self, request: Request) -> tuple[Answer, Fault | None]:
        """The answer, and what becomes of it on its way."""
        with self._lock:
            self.requests.append(request)
            is_change = request.method in ("POST", "DELETE")
            fault = self._poisoned(request)
            if fault is None and is_change and self.faults:
                fault = self.faults.popleft()
            if fault is not None and not fault.is_done:
                return Answer(fault.status, fault.body, dict(fault.headers)), fault
            return self._answer(request), fault

    def _poisoned(self, request: Request) -> Fault | None:
        for name, fault in self.poison.items():
            if request.method == name or (request.method == "POST" and f'"{name}"'.encode() in request.body):
                return fault
        return None

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith(self.pages_path):
            return self._page(request)
        if request.path != _API and not request.path.startswith(_API + "/"):
            return _problem(404, "Not found")
        key = _key_of(request.headers)
        if key not in self.keys:
            return _problem(401, "Unauthenticated", {"WWW-Authenticate": "Bearer"})
        if request.path == _API:
            answer = self._post(request, key) if request.method == "POST" else _no_method("POST")
        else:
            answer = self._delete(request)
        return self._with_limit(answer, key)

    def _page(self, request: Request) -> Answer:
        page_id = request.path.removeprefix(self.pages_path)
        if request.method != "GET":
            return _no_method("GET")
        if page_id in self.deleted:
            return _problem(410, "Deleted")
        if page_id not in self.pages:
            return _problem(404, "No such page")
        return Answer(200, b"<!doctype html><title>A trace</title>", {"Content-Type": "text/html"})

    def _delete(self, request: Request) -> Answer:
        if self.manners.delete_refusal is not None:
            return _problem(self.manners.delete_refusal, "Pages are permanent")
        if request.method != "DELETE":
            return _problem(404, "Not found")
        page_id = request.path.removeprefix(_API + "/")
        if page_id in self.deleted:
            again = self.manners.deleted_again
            return Answer(again) if again == 204 else _problem(again, "Deleted")
        if self.pages.pop(page_id, None) is None:
            return _problem(404, "No such page")
        self.deleted.add(page_id)
        return Answer(204)

    def _post(self, request: Request, key: str) -> Answer:
        wrong = self._wrong_form(request)
        if wrong is not None:
            return wrong
        idempotency_key = request.headers.get("idempotency-key")
        before = self._answered.get((key, idempotency_key or ""))
        if before is not None:
            body, answer = before
            return (
                answer if body == request.body else _problem(422, "Idempotency-Key was used for another body")
            )
        try:
            payload = json.loads(request.body)
        except ValueError:
            return _problem(400, "Not JSON")
        errors = errors_of(payload, refuses_unknown=self.manners.refuses_unknown_fields)
        if errors:
            return _problem(422, "Wrong fields", errors=errors)
        if self.manners.most_steps is not None and len(payload["steps"]) > self.manners.most_steps:
            return _problem(self.manners.steps_refusal, "Too many steps")
        if wait_s := self._wait_s(key):
            self.refused_by_limit += 1
            self.refused_at_s.append(self._clock_s())
            return _problem(429, "Too many requests", {"Retry-After": str(wait_s)})
        answer = self._keep(key, payload)
        if idempotency_key is not None:
            self._answered[key, idempotency_key] = (request.body, answer)
        return answer

    def _wrong_form(self, request: Request) -> Answer | None:
        if len(request.body) > self.manners.max_body_bytes:
            return _problem(413, "Too large")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" or "content-encoding" in request.headers:
            return _problem(415, "Expected plain application/json")
        return None

    def _keep(self, key: str, payload: dict[str, Any]) -> Answer:
        page_id = str(uuid.uuid4())
        self.pages[page_id] = payload
        self.accepted.append(Accepted(self._clock_s(), key, page_id, payload))
        where = {"trace_id": page_id, "url": f"{self.endpoint}{self.pages_path}{page_id}"}
        return _json(200, where)

    def _in_window(self, key: str) -> list[float]:
        """When what counts was accepted, oldest first."""
        since_s = self._clock_s() - self.manners.window_s
        return sorted(each.at_s for each in self.accepted if each.key == key and each.at_s > since_s)

    def _wait_s(self, key: str) -> int:
        """Whole seconds until one more is accepted; 0: now."""
        times = self._in_window(key)
        if len(times) < self.manners.limit:
            return 0
        free_s = (
            times[-self.manners.limit] + self.manners.window_s if self.manners.limit else self._clock_s() + 1
        )
        return max(1, _ceil(free_s - self._clock_s()))

    def _with_limit(self, answer: Answer, key: str) -> Answer:
        if not self.manners.tells_limit:
            return answer
        limit, times = self.manners.limit, self._in_window(key)
        left = max(0, limit - len(times))
        reset_s = (
            max(1, _ceil(times[0] + self.manners.window_s - self._clock_s()))
            if times
            else self.manners.window_s
        )
        told = {
            "RateLimit-Policy": f'"strict";q={limit};w={self.manners.window_s}',
            "RateLimit": f'"strict";r={left};t={reset_s if left else self._wait_s(key) or 1}',
        }
        return Answer(answer.status, answer.body, answer.headers | told)


# -- words -----------------------------------------------------------------------------------------------


def _key_of(headers: Mapping[str, str]) -> str:
    return headers.get("x-tracen-key") or headers.get("authorization", "").removeprefix("Bearer ")


def _ceil(seconds: float) -> int:
    return int(-(-seconds // 1))


def _json(status: int, value: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | (headers or {}))


def _problem(
    status: int,
    title: str,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Answer:
    return _json(status, {"title": title, "detail": title, "errors": errors or []}, headers)


def _no_method(allowed: str) -> Answer:
    return _problem(405, "Method not allowed", {"Allow": allowed})


# -- its socket ------------------------------------------------------------------------------------------


class RunningStrictTracen(StrictTracen):
    """The service behind a port, which outages leave and come back to."""

    def __init__(self, manners: Manners, clock_s: Callable[[], float]) -> None:
        super().__init__(manners, clock_s)
        self.port = 0
        self._connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.open()

    def open(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """An outage: connections are refused, and those that are there break off."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self._connections):
            _break_off(connection)

    @contextmanager
    def outage(self) -> Iterator[None]:
        self.close()
        try:
            yield
        finally:
            self.open()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], service: RunningStrictTracen) -> None:
        self.service = service
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.service._connections.add(self.connection)

    def finish(self) -> None:
        self.server.service._connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.server.service.answer(Request(self.command, self.path, headers, body))
        if fault is not None and fault.hangs:
            with suppress(OSError):
                self.connection.recv(1)
        if fault is not None and not fault.status:
            self.close_connection = True
            _break_off(self.connection)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls


def _break_off(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def strict_tracen(
    manners: Manners | None = None, clock_s: Callable[[], float] = time.time
) -> Iterator[RunningStrictTracen]:
    """The server, running; the key that it takes is KEY."""
    service = RunningStrictTracen(manners or Manners(), clock_s)
    try:
        yield service
    finally:
        service.close()
