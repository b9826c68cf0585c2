"""The lines of a spool's journal: Span ↔ text, each line with its checksum. Knows no file, no lock and no clock.

    CRC h {"format", "endpoint", "key", "bytes", "made_s"}    first line: whose spans these are
    CRC s TRACE SPAN SECOND [fields…]                         a span that ended, journaled at that Unix second
    CRC t TRACE [SPAN…]                                       these spans are taken care of; none named: all so far
    CRC p TRACE                                               this trace has a page, which late spans join

Text is JSON, so a line never holds a newline; the CRC-32 tells what a crash or a disk left half done.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Event, Scope, Span, SpanKind, StatusCode

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Header:
    """Whose spans a journal holds. `key_mark` is a short hash; `bytes_tag` stands before bytes."""

    endpoint: str
    key_mark: str
    bytes_tag: str
    made_s: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A span as a line; the ids stand outside its JSON too, so that finding spans needs no parsing."""

    trace_id: str
    span_id: str
    second: int
    line: bytes


def checked(line: bytes) -> list[bytes] | None:
    """Split a whole line into its kind and up to four words; None where it is not what was written."""
    crc, _, rest = line[:-1].partition(b" ")
    if line[-1:] != b"\n" or crc != b"%08x" % zlib.crc32(rest):
        return None
    return rest.split(b" ", 4)


def header_line(header: Header) -> bytes:
    told = {
        "format": header.format,
        "endpoint": header.endpoint,
        "key": header.key_mark,
        "bytes": header.bytes_tag,
        "made_s": header.made_s,
    }
    return _line(b"h " + json.dumps(told).encode())


def header_of(line: bytes) -> Header:
    """Read a journal's first line. Raises ValueError for anything else."""
    words = checked(line)
    if words is None or words[0] != b"h":
        raise ValueError("expected the header of a Tracen journal")
    told = json.loads(b" ".join(words[1:]))
    try:
        return Header(told["endpoint"], told["key"], told["bytes"], int(told["made_s"]), int(told["format"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a journal's header without {error}") from None


def taken_line(trace_id: str, span_ids: Iterable[str] = ()) -> bytes:
    return _line(" ".join(("t", trace_id, *span_ids)).encode())


def page_line(trace_id: str) -> bytes:
    return _line(f"p {trace_id}".encode())


class SpanLines:
    """Writes and reads spans of journals with one `bytes_tag`.

    JSON has no bytes: they become an object whose only key is the tag, which nobody who makes spans knows.
    """

    def __init__(self, bytes_tag: str) -> None:
        self._tag = bytes_tag
        encoder = json.JSONEncoder(
            ensure_ascii=False, check_circular=False, separators=(",", ":"), default=self._told_bytes
        )
        self._encode: Callable[[Any], str] = encoder.encode

    def write(self, span: Span, second: int) -> SpanLine:
        """Make the line of a span. Raises TypeError or ValueError where an attribute is no value of OTel's."""
        scope = span.scope
        fields = [
            span.name,
            span.parent_id,
            span.kind,
            span.start_ns,
            span.end_ns,
            span.status,
            span.status_message,
            span.attributes,
            [(event.name, event.time_ns, event.attributes, event.body) for event in span.events],
            (scope.name, scope.version),
            span.resource,
            span.dropped_attributes,
            span.dropped_events,
            span.masked,
        ]
        text = f"s {span.trace_id} {span.span_id} {second} {self._encode(fields)}"
        return SpanLine(span.trace_id, span.span_id, second, _line(text.encode("utf-8", "surrogatepass")))

    def read(self, line: bytes) -> Span | None:
        """Read a span; None where the line is damaged."""
        words = checked(line)
        if words is None or len(words) != 5 or words[0] != b"s":
            return None
        try:
            text = words[4].decode("utf-8", "surrogatepass")
            return _span(words[1].decode(), words[2].decode(), json.loads(text, object_hook=self._heard))
        except (ValueError, TypeError, RecursionError):
            return None

    def _told_bytes(self, value: object) -> Mapping[str, str]:
        if not isinstance(value, bytes):
            raise TypeError(f"a {type(value).__name__} is no attribute value")
        return {self._tag: base64.b64encode(value).decode()}

    def _heard(self, value: dict[str, Any]) -> Any:
        if len(value) == 1 and self._tag in value:
            return base64.b64decode(value[self._tag])
        return value


def _span(trace_id: str, span_id: str, fields: list[Any]) -> Span:
    (
        name,
        parent_id,
        kind,
        start_ns,
        end_ns,
        status,
        message,
        attributes,
        events,
        scope,
        resource,
        dropped_attributes,
        dropped_events,
        masked,
    ) = fields
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        name=name,
        parent_id=parent_id,
        kind=SpanKind(kind),
        start_ns=start_ns,
        end_ns=end_ns,
        status=StatusCode(status),
        status_message=message,
        attributes=attributes,
        events=tuple(Event(*event) for event in events),
        scope=Scope(*scope),
        resource=resource,
        dropped_attributes=dropped_attributes,
        dropped_events=dropped_events,
        masked=masked,
    )


def _line(rest: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(rest), rest)
