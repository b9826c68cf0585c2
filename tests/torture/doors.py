"""Clients: one that sends through each door, one that reads pages. Each belongs to one thread."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from http.client import HTTPException

import grpc

from tests.processes import TracenProcess
from tests.torture.deliveries import Delivery, Door

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
BASE_URL = "http://tracen.test"
"""What every server is told to hand out: its ports change, URLs must not."""
TIMEOUT_S = 60

Send = Callable[[Delivery], "str | None"]
Shown = tuple[str, str]
"""A step's name and text."""


class ConnectionLost(Exception):
    """No answer, as when the server is gone: nobody knows what became of the request."""


class Refused(AssertionError):
    """The server answered something else than success."""


def sender(tracen: TracenProcess, door: Door) -> Send:
    """Connect; the function sends one request, and returns the URL that the answer names.

    It raises ConnectionLost and Refused.
    """
    if door is Door.GRPC:
        return _over_grpc(tracen)
    address = tracen.http if door is Door.POST else tracen.otlp_http
    path = "/api/traces" if door is Door.POST else "/v1/traces"
    media_type = "application/x-protobuf" if door is Door.HTTP_PROTOBUF else "application/json"
    connection = _Connection(address)

    def send(delivery: Delivery) -> str | None:
        headers = {"content-type": media_type, "x-tracen-key": tracen.key}
        if door is Door.POST:
            headers["idempotency-key"] = delivery.name
        status, url, body = connection.ask("POST", path, headers, delivery.body)
        if status != 200:
            raise Refused(f"{delivery.name} through {door.value}: {status} {body[:300]!r}")
        return json.loads(body)["url"] if door is Door.POST else url

    return send


def _over_grpc(tracen: TracenProcess) -> Send:
    options = [("grpc.max_send_message_length", 1 << 28), ("grpc.use_local_subchannel_pool", 1)]
    call = grpc.insecure_channel(tracen.otlp_grpc, options=options).unary_unary(EXPORT)
    metadata = (("x-tracen-key", tracen.key),)

    def send(delivery: Delivery) -> str | None:
        try:
            _, answer = call.with_call(delivery.body, timeout=TIMEOUT_S, metadata=metadata)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise ConnectionLost(error.details()) from None
            raise Refused(f"{delivery.name} through gRPC: {error.code()} {error.details()}") from None
        return dict(answer.trailing_metadata() or ()).get("x-tracen-url")

    return send


class Pages:
    """Reads a server's pages and deletes traces. Raises ConnectionLost."""

    def __init__(self, tracen: TracenProcess) -> None:
        self._connection = _Connection(tracen.http)
        self._key = {"x-tracen-key": tracen.key}

    def find(self, otel_trace_id: str) -> tuple[int, str | None]:
        """Status and URL of the page of a trace."""
        status, _, body = self._connection.ask("GET", f"/api/traces/by-otel/{otel_trace_id}", self._key)
        return status, json.loads(body)["url"] if status == 200 else None

    def read(self, url: str) -> tuple[int, list[Shown]]:
        """Status and steps of a page."""
        status, _, body = self._connection.ask("GET", f"{_path(url)}.json", {})
        if status != 200:
            return status, []
        steps = json.loads(body)["steps"]
        return status, [(step["name"], step.get("attributes", {}).get("text", "")) for step in steps]

    def look_at(self, url: str) -> int:
        """Status of the page as a browser asks for it."""
        return self._connection.ask("GET", _path(url), {"accept": "text/html"})[0]

    def delete(self, url: str) -> int:
        """Status of the answer to a deletion."""
        return self._connection.ask("DELETE", f"/api{_path(url)}", self._key)[0]


def _path(url: str) -> str:
    if not url.startswith(BASE_URL):
        raise Refused(f"a URL of another server: {url}")
    return url.removeprefix(BASE_URL)


class _Connection:
    """A kept-alive HTTP connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=TIMEOUT_S)

    def __del__(self) -> None:  # its thread ends with the server that is killed, and owns nothing else
        self._connection.close()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, str | None, bytes]:
        """Status, `x-tracen-url` and body of an answer."""
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.headers["x-tracen-url"], answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise ConnectionLost(repr(error)) from None
