"""Where a page comes from: posted, sent as spans, replayed, reserved, deleted, or there from the start."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processes import TracenProcess
from tests.tracen_otel.captured import CAPTURES
from tracen_otel import payload
from tracen_otel.model import Trace
from tracen_otel.otlp import Encoding, decode_spans

SERVE_FLAGS = ("--requests-per-hour", "100000", "--max-body-bytes", str(64 * 2**20))
"""The server that sources publish to: one of them posts a line of 10 MB."""

_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_TIMEOUT_S = 300


class Source(Protocol):
    """Makes a page and tells its path; each call makes a page of its own unless the spans are the same."""

    def publish(self, tracen: TracenProcess) -> str: ...


@dataclass(frozen=True, slots=True)
class Posted:
    """A payload over `POST /api/traces`: a Trace in the extended form, or a dict as it is."""

    make: Callable[[], Trace | Mapping[str, Any]]

    def publish(self, tracen: TracenProcess) -> str:
        told = self.make()
        body = json.dumps(payload.encode(told) if isinstance(told, Trace) else told).encode()
        return _path_in(_call(tracen, f"{tracen.http}/api/traces", body, _JSON))


@dataclass(frozen=True, slots=True)
class Sent:
    """Spans of one trace over OTLP/HTTP, in one request or several."""

    make: Callable[[], Iterable[ExportTraceServiceRequest]]

    def publish(self, tracen: TracenProcess) -> str:
        trace_id = b""
        for request in self.make():
            trace_id = trace_id or request.resource_spans[0].scope_spans[0].spans[0].trace_id
            _call(tracen, f"{tracen.otlp_http}/v1/traces", request.SerializeToString(), _PROTOBUF)
        return _page_of(tracen, trace_id.hex())


@dataclass(frozen=True, slots=True)
class Captured:
    """The requests of a folder of `tests/captures`, as the program sent them."""

    folder: str

    def publish(self, tracen: TracenProcess) -> str:
        found = sorted(path for path in (CAPTURES / self.folder).iterdir() if path.name != "expected.json")
        trace_id = ""
        for path in found:
            signal = "logs" if path.name.startswith("logs") else "traces"
            media_type, body = _JSON if path.suffix == ".json" else _PROTOBUF, path.read_bytes()
            if signal == "traces" and not trace_id:
                encoding = Encoding.JSON if media_type == _JSON else Encoding.PROTOBUF
                trace_id = decode_spans(body, encoding)[0].trace_id
            _call(tracen, f"{tracen.otlp_http}/v1/{signal}", body, media_type)
        return _page_of(tracen, trace_id)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A page that was there once."""

    source: Source

    def publish(self, tracen: TracenProcess) -> str:
        path = self.source.publish(tracen)
        _call(tracen, f"{tracen.http}/api{path}", None, _JSON, method="DELETE")
        return path


@dataclass(frozen=True, slots=True)
class Reserved:
    """A page that was handed out ahead of its trace."""

    def publish(self, tracen: TracenProcess) -> str:
        url = f"{tracen.http}/api/traces/by-otel/{uuid.uuid4().hex}"
        return _path_in(_call(tracen, url, None, _JSON, method="PUT"))


@dataclass(frozen=True, slots=True)
class At:
    """A path that needs no publishing."""

    path: str

    def publish(self, tracen: TracenProcess) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Beside:
    """A path made of those of two pages, such as `/compare/{0}/{1}`: `{0}` and `{1}` are their ids."""

    template: str
    sources: tuple[Source, ...]

    def publish(self, tracen: TracenProcess) -> str:
        ids = [source.publish(tracen).rpartition("/")[2] for source in self.sources]
        return self.template.format(*ids)


def _page_of(tracen: TracenProcess, trace_id: str) -> str:
    url = f"{tracen.http}/api/traces/by-otel/{trace_id}"
    return _path_in(_call(tracen, url, None, _JSON))


def _path_in(answer: bytes) -> str:
    url: str = json.loads(answer)["url"]
    return urlsplit(url).path


def _call(
    tracen: TracenProcess, url: str, body: bytes | None, media_type: str, *, method: str | None = None
) -> bytes:
    headers = {"Content-Type": media_type, "X-Tracen-Key": tracen.key}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own server
            told: bytes = answer.read()
            return told
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{url}: HTTP {error.code} {error.read()[:300]!r}") from None
