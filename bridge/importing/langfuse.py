"""Langfuse: traces with their observations, or lists of either, as its API, pages and batch exports write them.

One trace is held at a time: what is told of it as a whole belongs to its root.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.importing.cutting import Piece
from bridge.importing.spans import (
    OtlpSpan,
    as_text,
    otlp_group,
    otlp_span,
    span_id,
    time_ns,
    trace_id,
)
from tracen_otel.attributes import decode_json

_TYPES = frozenset(
    [
        "GENERATION",
        "SPAN",
        "EVENT",
        "AGENT",
        "TOOL",
        "CHAIN",
        "RETRIEVER",
        "EVALUATOR",
        "EMBEDDING",
        "GUARDRAIL",
    ]
)
_SCOPE = {"name": "langfuse-sdk"}
_WRONG_FIELDS = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)
_COSTS = {
    "input": ("inputCost", "calculatedInputCost"),
    "output": ("outputCost", "calculatedOutputCost"),
    "total": ("totalCost", "calculatedTotalCost"),
}
"""What its earlier releases call them."""
_LONGEST_S = 10**9
_TRACE_FIELDS = ("bookmarked", "sessionId", "session_id", "userId", "user_id", "input", "output", "tags")


class Langfuse:
    """Reads observations, and the traces around them."""

    name = "Langfuse"

    def __init__(self) -> None:
        self._held: list[Mapping[str, Any]] = []

    def knows(self, piece: Piece) -> bool:
        value = piece.value
        if piece.part_of == "observations" or isinstance(value.get("trace"), dict):
            return True
        is_named = isinstance(value.get("id"), str)
        return is_named and (
            (_is_observation(value) and ("traceId" in value or "trace_id" in value))
            or ("timestamp" in value and any(name in value for name in _TRACE_FIELDS))
        )

    def spans(self, piece: Piece) -> Iterator[OtlpSpan]:
        """What a record completes. Raises Unreadable."""
        if piece.part_of:
            _Telling(piece.value).span()  # what is wrong with it is told now, with its line
            self._held.append(piece.value)
        elif _is_observation(piece.value):
            yield _Telling(piece.value).span()
        else:
            held, self._held = self._held, []
            told = piece.value.get("trace")
            try:
                spans = list(_of_trace(told if isinstance(told, dict) else piece.value, held))
            except (
                _WRONG_FIELDS
            ):  # of the trace: its observations are told without it, and it is what is lost
                yield from (_Telling(value).span() for value in held)
                raise
            yield from spans

    def rest(self) -> Iterator[OtlpSpan]:
        """The observations of a trace whose end did not come."""
        held, self._held = self._held, []
        for value in held:
            yield _Telling(value).span()


def _is_observation(value: Mapping[str, Any]) -> bool:
    return str(value.get("type")).upper() in _TYPES


def _of_trace(trace: Mapping[str, Any], held: list[Mapping[str, Any]]) -> Iterator[OtlpSpan]:
    """The observations, under a root that tells what is known of the whole; the only top one is that root."""
    ids = {value.get("id") for value in held}
    tops = [value for value in held if _told(value, "parentObservationId") not in ids]
    known = _known_of_trace(trace)
    of_trace = trace.get("id")
    if len(tops) == 1:
        for value in held:
            yield _Telling(value, known if value is tops[0] else {}, of_trace, is_top=value is tops[0]).span()
        return
    root = _Telling(_root(trace, held), known, of_trace, is_top=True)
    yield root.span()
    for value in held:
        parent = root.value["id"] if value in tops else None
        yield _Telling(value, {}, of_trace, parent).span()


def _known_of_trace(trace: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "langfuse.trace.name": _text_or_none(trace.get("name")),
        "langfuse.trace.input": as_text(trace.get("input")),
        "langfuse.trace.output": as_text(trace.get("output")),
        "langfuse.trace.metadata": as_text(trace.get("metadata") or None),
        **_whose(trace),
    }


def _whose(value: Mapping[str, Any]) -> dict[str, Any]:
    """Who asked, in which session, under which tags: traces tell it, and observations where nothing else is told."""
    tags = value.get("tags")
    return {
        "langfuse.trace.tags": [str(tag) for tag in tags] if isinstance(tags, list) and tags else None,
        "user.id": _text_or_none(_told(value, "userId")),
        "session.id": _text_or_none(_told(value, "sessionId")),
    }


def _root(trace: Mapping[str, Any], held: list[Mapping[str, Any]]) -> dict[str, Any]:
    """An observation that no export has: the trace itself, from its first start to its last end."""
    ends = [(time_ns(end), end) for value in held if (end := _told(value, "endTime"))]
    return {
        "id": f"trace {trace.get('id')}",
        "traceId": trace.get("id"),
        "type": "SPAN",
        "name": trace.get("name") or "trace",
        "startTime": trace.get("timestamp"),
        "endTime": max(ends)[1] if ends else _end(trace),
        **{name: trace[name] for name in ("environment", "release", "version") if trace.get(name)},
    }


def _end(trace: Mapping[str, Any]) -> int:
    """Of a trace that came without observations: it may tell how many seconds it took."""
    latency_s, start_ns = trace.get("latency"), time_ns(trace.get("timestamp"))
    if not start_ns or not isinstance(latency_s, int | float) or not 0 <= latency_s <= _LONGEST_S:
        return start_ns
    return start_ns + int(latency_s * 10**9)


@dataclass(slots=True)
class _Telling:
    """An observation and what its span has beside it: attributes of the trace, another trace's id, a parent."""

    value: Mapping[str, Any]
    known: Mapping[str, Any] = field(default_factory=dict)
    of_trace: Any = None
    parent: str | None = None
    is_top: bool = False

    def span(self) -> OtlpSpan:
        value = self.value
        is_top = self.is_top or value.get("isRootObservation") is True  # its parent was not sent to Langfuse
        parent = self.parent or (None if is_top else _told(value, "parentObservationId"))
        is_error = value.get("level") == "ERROR"
        message = str(_told(value, "statusMessage") or "")
        start_ns = time_ns(_told(value, "startTime"))
        end_ns = time_ns(_told(value, "endTime"))
        told = otlp_span(
            trace_id(_told(value, "traceId") or self.of_trace),
            span_id(value.get("id")),
            value.get("name") or str(value.get("type") or "observation").lower(),
            parent_id=span_id(parent) if parent else None,
            start_ns=start_ns,
            end_ns=end_ns or (start_ns if str(value.get("type")).upper() == "EVENT" else 0),
            error=message if is_error else None,
            values=_attributes(value) | {key: told for key, told in self.known.items() if told is not None},
        )
        return OtlpSpan(told, otlp_group(_resource(value)), _SCOPE)


def _resource(value: Mapping[str, Any]) -> dict[str, Any]:
    """Where it ran; what came over OpenTelemetry has its resource among the metadata."""
    metadata = decode_json(value.get("metadata"))
    told = decode_json(metadata.get("resourceAttributes")) if isinstance(metadata, dict) else None
    known = {
        "deployment.environment.name": value.get("environment"),
        "service.version": value.get("release"),
    }
    return (told if isinstance(told, dict) else {}) | {k: v for k, v in known.items() if v}


def _attributes(value: Mapping[str, Any]) -> dict[str, Any]:
    model = value.get("model") or _told(value, "providedModelName") or _told(value, "internalModelId")
    prefix = "langfuse.observation."
    return {
        f"{prefix}type": str(value.get("type") or "span").lower(),
        f"{prefix}input": as_text(value.get("input")),
        f"{prefix}output": as_text(value.get("output")),
        f"{prefix}model.name": model if isinstance(model, str) else None,
        f"{prefix}model.parameters": as_text(_told(value, "modelParameters") or None),
        f"{prefix}usage_details": as_text(_usage(value)),
        f"{prefix}cost_details": as_text(_told(value, "costDetails") or _costs(value) or None),
        f"{prefix}completion_start_time": _text_or_none(_told(value, "completionStartTime")),
        f"{prefix}level": _text_or_none(value.get("level")),
        f"{prefix}status_message": _text_or_none(_told(value, "statusMessage")),
        f"{prefix}metadata": as_text(value.get("metadata") or None),
        f"{prefix}prompt.name": _text_or_none(_told(value, "promptName")),
        f"{prefix}prompt.version": _told(value, "promptVersion"),
        "langfuse.version": _text_or_none(value.get("version")),
        "langfuse.trace.name": _text_or_none(_told(value, "traceName")),
        **_whose(value),
    }


def _text_or_none(told: Any) -> str | None:
    return str(told) if told else None


def _usage(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """The counts, in whichever of its releases' words; where nothing was counted they stand there as zeros."""
    for told in (_told(value, "usageDetails"), value.get("usage"), _counts(value)):
        counts = decode_json(told)
        if isinstance(counts, dict):
            counted = {name: count for name, count in counts.items() if _is_number(count)}
            if any(counted.values()):
                return {name: int(count) for name, count in counted.items()}
    return None


def _costs(value: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        of: next((cost for name in names if _is_number(cost := _told(value, name))), None)
        for of, names in _COSTS.items()
    }
    return {of: cost for of, cost in found.items() if cost}


def _is_number(told: Any) -> bool:
    return isinstance(told, int | float) and math.isfinite(told)


def _counts(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "input": value.get("promptTokens"),
        "output": value.get("completionTokens"),
        "total": value.get("totalTokens"),
    }


def _told(value: Mapping[str, Any], name: str) -> Any:
    """A field, in the API's spelling or in that of tables: `traceId`, `trace_id`."""
    if name in value:
        return value[name]
    return value.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))
