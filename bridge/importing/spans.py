"""What every format is read into: OTLP/JSON spans, and the records that could not be read.

Unreadable   one record is no span; the message says why
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tracen_otel.attributes import encode_json
from tracen_otel.model import SpanKind, StatusCode
from tracen_otel.timestamps import known_time, parse_timestamp
from viewer.forms.otlp_steps import attributes

_HEX = re.compile(r"[0-9a-fA-F]+")
_FRACTION = re.compile(r"\.(\d{7,9})\d*")
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
_SCALES = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (0, 10**9))
"""From which number on a count since 1970 is nanoseconds, microseconds, milliseconds, seconds (of 1973 and later)."""


class Unreadable(ValueError):
    """A record that is no span. The message names fields, never what is in them."""


@dataclass(frozen=True, slots=True)
class OtlpSpan:
    """A span in OTLP/JSON, with the resource and the scope around it."""

    span: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)

    @property
    def trace_id(self) -> str:
        return str(self.span["traceId"])


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that was left out, and why. `line` and `byte` are where it begins, counted from 1."""

    line: int
    reason: str
    byte: int | None = None


# -- ids -----------------------------------------------------------------------------------------------


def trace_id(told: Any) -> str:
    """The trace id of an id as its system writes it: OTel's own, Jaeger's short ones, or made of any text.

    The same each time, so that importing twice makes no second page. Raises Unreadable.
    """
    return _id(told, _TRACE_DIGITS, "trace")


def span_id(told: Any) -> str:
    """The same for a span's id."""
    return _id(told, _SPAN_DIGITS, "span")


def _id(told: Any, digits: int, of: str) -> str:
    text = told if isinstance(told, str) else ""
    if not text:
        raise Unreadable(f"it has no {of} id")
    is_otel = len(text) <= digits and _HEX.fullmatch(text) and text.strip("0")
    if is_otel and (len(text) == digits or len(text) <= _SPAN_DIGITS):
        return text.lower().zfill(digits)
    return hashlib.sha256(f"{of} {text}".encode("utf-8", "replace")).hexdigest()[:digits]


# -- times ---------------------------------------------------------------------------------------------


def time_ns(told: Any) -> int:
    """Nanoseconds since 1970 of ISO-8601 text or a count of seconds, milli-, micro- or nanoseconds; 0: not told.

    Raises Unreadable.
    """
    if isinstance(told, str) and told:
        return _time_of_text(told)
    if isinstance(told, int | float | Decimal) and not isinstance(told, bool):
        scale = next(scale for least, scale in _SCALES if told >= least) if told > 0 else 0
        return known_time(int(Decimal(str(told)) * scale))
    if told is None or told == "":
        return 0
    raise Unreadable("its time is neither text nor a number")


def _time_of_text(text: str) -> int:
    """ISO-8601 with up to nine digits of a second: Python reads six."""
    found = _FRACTION.search(text)
    beyond_ns = int(found[1].ljust(9, "0")[6:]) if found else 0
    if found:
        text = text.replace(found[0], found[0][:7])
    try:
        return parse_timestamp(text) + beyond_ns
    except (ValueError, OverflowError):
        raise Unreadable("its time is not ISO-8601") from None


# -- spans ---------------------------------------------------------------------------------------------

_KIND_BY_NAME = {kind.name.lower(): kind for kind in SpanKind}


def otlp_span(
    of_trace: str,
    own_id: str,
    name: Any,
    *,
    parent_id: str | None = None,
    kind: str = "internal",
    start_ns: int = 0,
    end_ns: int = 0,
    error: str | None = None,
    is_ok: bool = False,
    values: Mapping[str, Any],
    events: list[dict[str, Any]] | None = None,
    links: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A span in OTLP/JSON. `error`: it failed, with this message ("" for none). `values`: its attributes."""
    told = {
        "traceId": of_trace,
        "spanId": own_id,
        "parentSpanId": parent_id,
        "name": str(name) if name else "unnamed",
        "kind": int(_KIND_BY_NAME.get(kind.lower(), SpanKind.INTERNAL)),
        "startTimeUnixNano": str(start_ns) if start_ns else None,
        "endTimeUnixNano": str(end_ns) if end_ns else None,
        "attributes": attributes({key: value for key, value in values.items() if value is not None}),
        "events": events,
        "links": links,
        "status": _status(error, is_ok),
    }
    return {key: value for key, value in told.items() if value}


def _status(error: str | None, is_ok: bool) -> dict[str, Any]:
    if error is None:
        return {"code": int(StatusCode.OK)} if is_ok else {}
    return {"code": int(StatusCode.ERROR), **({"message": error} if error else {})}


def otlp_event(name: Any, at_ns: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """A span event in OTLP/JSON."""
    told = {"name": str(name or "event"), "attributes": attributes(values)}
    return told | ({"timeUnixNano": str(at_ns)} if at_ns else {})


def otlp_group(values: Mapping[str, Any]) -> dict[str, Any]:
    """A resource in OTLP/JSON."""
    return {"attributes": attributes(values)} if values else {}


def as_text(value: Any) -> str | None:
    """An attribute of any JSON value: text as it is, all else as JSON; None for nothing."""
    return value if isinstance(value, str) or value is None else encode_json(value)
