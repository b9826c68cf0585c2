"""A server that takes what exporters send, as OTLP/HTTP and as `POST /api/traces`, and counts it.

Every body is decoded before it is answered, so that what was acknowledged has been counted. The counts are in a
file that other processes map. Nothing is stored: what is measured against it is the sender.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import mmap
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COUNTS = ("spans", "posts", "reservations", "bytes", "gzipped")
"""What is counted, each a 64-bit integer of the file. A span that comes again counts once."""
STOP_TIMEOUT_S = 10


class Counters:
    """The counts in their file; cheap to read."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._numbers = memoryview(mmap.mmap(opened.fileno(), len(COUNTS) * 8)).cast("Q")

    def __getitem__(self, name: str) -> int:
        number: int = self._numbers[COUNTS.index(name)]
        return number

    def add(self, name: str, number: int) -> None:
        self._numbers[COUNTS.index(name)] += number

    def all(self) -> dict[str, int]:
        return dict(zip(COUNTS, self._numbers, strict=True))


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink."""

    port: int
    file: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Count spans that were seen before as new ones: a new run begins."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("DELETE", "/")
        connection.getresponse().read()
        connection.close()


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink in a process of its own, for the length of a block."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(len(COUNTS) * 8))
        file.flush()
        command = [sys.executable, "-m", "tests.bench.sink", file.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield Sink(int(process.stdout.readline()), Path(file.name))
            finally:
                process.terminate()
                process.wait(STOP_TIMEOUT_S)


# -- the process --------------------------------------------------------------------------------------


class _Connection(asyncio.Protocol):
    """One connection: requests in order, each answered when its body is there and counted."""

    def __init__(self, counters: Counters, seen: set[bytes]) -> None:
        self._counters = counters
        self._seen = seen
        self._received = bytearray()
        self._body_at = 0
        self._request_ends = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._is_whole():
            head = bytes(self._received[: self._body_at]).decode("latin-1")
            body = bytes(self._received[self._body_at : self._request_ends])
            del self._received[: self._request_ends]
            self._body_at = 0
            content_type, content = self._answer(head, body)
            told = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            self._transport.write(told.encode() + content)

    def _is_whole(self) -> bool:
        if not self._body_at:
            self._body_at = self._received.find(b"\r\n\r\n") + 4
            if self._body_at < 4:
                self._body_at = 0
                return False
            length = _header(self._received[: self._body_at].decode("latin-1"), "content-length")
            self._request_ends = self._body_at + int(length or 0)
        return len(self._received) >= self._request_ends

    def _answer(self, head: str, body: bytes) -> tuple[str, bytes]:
        """The content type and body of the answer to a request."""
        method, path, _ = head.split(" ", 2)
        if method == "DELETE":
            self._seen.clear()
            return "text/plain", b""
        if method == "PUT":
            self._counters.add("reservations", 1)
            return "application/json", _page(path.rpartition("/")[2])
        self._counters.add("posts", 1)
        self._counters.add("bytes", len(body))
        if _header(head, "content-encoding") == "gzip":
            self._counters.add("gzipped", 1)
            body = gzip.decompress(body)
        if path == "/v1/traces":
            self._count(_span_ids_of_otlp(body))
            return "application/x-protobuf", b""
        payload = json.loads(body)
        self._count([bytes.fromhex(step["id"]) for step in payload["steps"]])
        return "application/json", _page(payload["otel_trace_id"])

    def _count(self, span_ids: list[bytes]) -> None:
        before = len(self._seen)
        self._seen.update(span_ids)
        self._counters.add("spans", len(self._seen) - before)


def _header(head: str, name: str) -> str:
    """The value of a header, in lower case; "" without it."""
    value: str = head.lower().partition(f"\r\n{name}:")[2].partition("\r\n")[0].strip()
    return value


def _page(otel_trace_id: str) -> bytes:
    trace_id = str(uuid.UUID(otel_trace_id))
    return json.dumps({"trace_id": trace_id, "url": f"http://127.0.0.1/traces/{trace_id}"}).encode()


def _span_ids_of_otlp(body: bytes) -> list[bytes]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
    return [span.span_id for scope in scopes for span in scope.spans]


async def _serve(file: Path) -> None:
    counters, seen = Counters(file), set[bytes]()
    _span_ids_of_otlp(b"")  # its imports are done before anybody waits for them
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counters, seen), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
