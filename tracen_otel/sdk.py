"""opentelemetry-sdk's ReadableSpan → Span.

Keeps everything the SDK kept. What JSON could not carry (lone surrogates, endless nesting, objects that
cannot be shown) is replaced value by value, so one bad attribute never costs the span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import format_span_id, format_trace_id

from tracen_otel.model import Event, Scope, Span, SpanKind, StatusCode
from tracen_otel.readable import plain

_KIND_BY_OTEL = {kind: SpanKind[kind.name] for kind in trace.SpanKind}
_STATUS_BY_OTEL = {code: StatusCode[code.name] for code in trace.StatusCode}
MAX_DEPTH = 32
"""Nesting kept of one attribute value; with what surrounds it well below `payload.MAX_DEPTH`."""


def span_of(readable: ReadableSpan) -> Span:
    """Read a span of the SDK. Raises ValueError for one without a context: it belongs to no trace."""
    context = readable.get_span_context()
    if context is None:
        raise ValueError(f"a span without a context belongs to no trace: {readable.name!r:.80}")
    status = readable.status
    return Span(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        name=_text(readable.name),
        parent_id=format_span_id(readable.parent.span_id) if readable.parent else None,
        kind=_KIND_BY_OTEL.get(readable.kind, SpanKind.UNSPECIFIED),
        start_ns=_nanoseconds(readable.start_time),
        end_ns=_nanoseconds(readable.end_time),
        status=_STATUS_BY_OTEL.get(status.status_code, StatusCode.UNSET),
        status_message=_text(status.description or ""),
        attributes=_attributes(readable.attributes),
        events=_events(readable.events),
        scope=_scope(readable),
        resource=_resource(readable.resource),
        dropped_attributes=readable.dropped_attributes,
        dropped_events=readable.dropped_events,
    )


def _events(events: Sequence[Any]) -> tuple[Event, ...]:
    if not events:
        return ()
    return tuple([Event(_text(e.name), _nanoseconds(e.timestamp), _attributes(e.attributes)) for e in events])


def _nanoseconds(time_ns: Any) -> int:
    """A time of OTel; 0, "not told", for what is none, such as the float that `time.time() * 1e9` is rounded from."""
    if isinstance(time_ns, float) and 0 <= time_ns < 2**63:
        return int(time_ns)
    return time_ns if isinstance(time_ns, int) and 0 <= time_ns < 2**63 else 0


def _scope(readable: ReadableSpan) -> Scope:
    """The scope; all spans of a tracer share it, and what is made of it."""
    global _last_scope
    scope = readable.instrumentation_scope
    last, told = _last_scope
    if last is not scope:
        told = Scope(_text(scope.name), _text(scope.version or "")) if scope else Scope()
        _last_scope = scope, told
    return told


_last_scope: tuple[InstrumentationScope | None, Scope] = None, Scope()


def _attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values as `model.Attributes` wants them; nearly all are so already."""
    told = {}
    for key, value in plain(attributes).items():
        kind = type(value)
        is_told = value.isascii() if kind is str else kind in _PLAIN_TYPES
        told[key if type(key) is str and key.isascii() else _text(key)] = (
            value if is_told else _value(value, MAX_DEPTH)
        )
    return told


_PLAIN_TYPES = frozenset({bool, float, bytes, type(None)})


def _resource(resource: Resource) -> dict[str, Any]:
    """The attributes of a resource: all spans of a provider share it, and what is made of it."""
    global _last_resource
    last, told = _last_resource
    if last is not resource:
        told = _attributes(resource.attributes)
        _last_resource = resource, told
    return told


_last_resource: tuple[Resource | None, dict[str, Any]] = None, {}


def _value(value: Any, depth: int) -> Any:
    """An attribute value with lists for sequences and dicts for mappings, as `model.Attributes` wants it."""
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _long_integer(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _container(value, depth - 1) if depth else "(nested too deep)"
    return _text(value)


def _container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_text(key): _value(inner, depth) for key, inner in value.items()}
    return [_value(inner, depth) for inner in value]


def _long_integer(value: int) -> str:
    """OTLP stops at 64 bits. Python refuses to write more than some thousand decimal digits, but not hex."""
    try:
        return str(value)
    except ValueError:
        return hex(value)


def _text(value: Any) -> str:
    """As text that UTF-8 can hold: U+FFFD in place of a lone surrogate."""
    text = value if isinstance(value, str) else _shown(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _shown(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # the object is a user's: its __str__ may do anything
        return f"(a {type(value).__name__} that cannot be shown)"
