"""Files of what can be sent: payloads, one or a line each, and OTLP trace requests, in JSON or protobuf.

A file is read line by line, so that it may be larger than memory; a line that is broken costs itself alone.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bridge.convert import OF_OTHERS, fault_of
from bridge.push.found import Found, Unusable
from tracen_otel import payload
from tracen_otel.assemble import assemble_all
from tracen_otel.model import Span, Trace
from tracen_otel.otlp import Encoding, UndecodableBody, decode_spans
from tracen_otel.redact import Redaction
from viewer.masking import masked

STDIN = "-"
_NEITHER = "neither a payload nor an OTLP trace request"
_PAYLOAD = frozenset(("prompt", "response", "steps"))
"""Fields of which any payload has one, whatever is wrong with it."""
_JSON_NAMES = (".json", ".jsonl", ".ndjson")
_JSON_BEGINNINGS = (b"{", b"[", b" ", b"\t", b"\r", b"\xef")
"""A protobuf request begins with a newline: so may a JSON file, but then by its name."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Files:
    """Reads several files as one stream: spans of one trace may stand in more than one of them."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._spans: list[Span] = []

    def read(self, name: str) -> Iterator[Found | Unusable]:
        """Yield the payloads of a file; spans wait for `traces`. Raises OSError."""
        with _opened(name) as file:
            shown = "stdin" if name == STDIN else name
            if _is_json(name, file):
                for where, body in _values(shown, file):
                    yield from self._read_json(where, body)
            else:
                yield from self._read_otlp(shown, file.read(), Encoding.PROTOBUF)

    def traces(self) -> Iterator[Found]:
        """Yield the traces of all spans that were read, in order of their start."""
        for trace in assemble_all(map(self._redaction.span, self._spans)):
            yield Found(f"trace {trace.otel_trace_id}", trace)

    def _read_json(self, where: str, body: bytes) -> Iterator[Found | Unusable]:
        try:
            value = payload.parse(body)
            if isinstance(value, dict) and "resourceSpans" in value:
                yield from self._read_otlp(where, body, Encoding.JSON)
            elif isinstance(value, dict) and "resourceLogs" in value:
                yield Unusable(where, "these are log records; `tracen convert --logs` joins them with spans")
            elif isinstance(value, dict) and not _PAYLOAD.isdisjoint(value):
                yield Found(where, trace_in(value, self._redaction))
            else:
                yield Unusable(where, f"{_NEITHER}; {OF_OTHERS}")
        except payload.PayloadError as error:
            yield Unusable(where, fault_of(body) or str(error).replace("the body is", "it is"))

    def _read_otlp(self, where: str, body: bytes, encoding: Encoding) -> Iterator[Unusable]:
        if not body:
            yield Unusable(where, fault_of(body))
            return
        try:
            self._spans += decode_spans(body, encoding)
        except UndecodableBody as error:
            yield Unusable(where, fault_of(body) or f"{_NEITHER}: {error}")


def trace_in(value: Any, redaction: Redaction) -> Trace:
    """The trace of a parsed payload, its secrets masked. Raises InvalidPayload."""
    trace = payload.decode(value)
    told, count = masked(redaction, value)
    return payload.decode(told) if count else trace


def _opened(name: str) -> io.BufferedReader:
    if name == STDIN:
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    return Path(name).open("rb")


def _is_json(name: str, file: io.BufferedReader) -> bool:
    return name.lower().endswith(_JSON_NAMES) or file.peek(1).startswith(_JSON_BEGINNINGS)


def _values(name: str, file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """The JSON texts of a file, each with where it stands: a line each, or one over many lines."""
    lines: Iterator[tuple[int, bytes]] = filter(lambda each: each[1].strip(), enumerate(file, 1))
    number, first = next(lines, (0, b""))
    first = first.removeprefix(_BYTE_ORDER_MARK)
    if not _is_whole(first):
        rest = list(lines)
        if not any(map(_is_ours, (line for _, line in rest))):
            yield name, b"".join((first, *(line for _, line in rest)))
            return
        lines = iter(rest)  # the first line is broken, not all that follows
    yield f"{name}:{number}", first.strip()
    for number, line in lines:
        yield f"{name}:{number}", line.strip()


def _is_whole(text: bytes) -> bool:
    try:
        payload.parse(text)
    except payload.PayloadError:
        return False
    return True


def _is_ours(line: bytes) -> bool:
    """Whether a line is by itself what a file of lines is made of; of JSON over many lines none is."""
    return line.startswith(b"{") and (b'"prompt"' in line or b'"resourceSpans"' in line) and _is_whole(line)
