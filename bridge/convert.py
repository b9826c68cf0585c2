"""`tracen convert`: OTLP request bodies in files → Tracen payloads, without a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tracen_otel import payload
from tracen_otel.assemble import assemble_all
from tracen_otel.otlp import Encoding, UndecodableBody, decode_logs, decode_spans
from tracen_otel.redact import Redaction

T = TypeVar("T")

_GZIP = b"\x1f\x8b"
OF_OTHERS = "exports of Phoenix, Langfuse and Jaeger are for `tracen import`"


def convert(
    files: Iterable[str], logs: Iterable[str] = (), *, extended: bool = False, redacts: bool = True
) -> Iterator[str]:
    """Yield one payload as a JSON line per trace, in order of trace start; the files are one stream.
    Secrets are masked, since a payload is there to be sent on.

    `-` is standard input. Raises OSError, and UndecodableBody, which names the file and what would be taken.
    """
    redaction = Redaction(redacts)
    spans = map(redaction.span, _read_all(files, decode_spans))
    records = map(redaction.log_record, _read_all(logs, decode_logs))
    for trace in assemble_all(spans, records):
        yield json.dumps(payload.encode(trace, extended=extended), ensure_ascii=False)


def _read_all(names: Iterable[str], decode: Callable[[bytes, Encoding], list[T]]) -> list[T]:
    items: list[T] = []
    for name in names:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        try:
            items += decode(body, encoding_of(name, body))
        except UndecodableBody as error:
            raise UndecodableBody(f"{name}: {fault_of(body) or _told(error)}") from None
    return items


def fault_of(body: bytes) -> str:
    """What is wrong with bytes whatever was expected of them; "" where that is not plain."""
    if not body.strip():
        return "the file is empty"
    return "it is compressed; decompress it first (gunzip)" if body.startswith(_GZIP) else ""


def _told(error: UndecodableBody) -> str:
    return f"no OTLP trace request in protobuf or JSON ({error}); {OF_OTHERS}"


def encoding_of(name: str, body: bytes) -> Encoding:
    """By the file's ending; a JSON object begins with a brace, which no protobuf request does."""
    return Encoding.JSON if name.endswith(".json") or body.startswith(b"{") else Encoding.PROTOBUF
