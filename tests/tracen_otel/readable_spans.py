"""Ended spans of the SDK, made by hand where a test needs to choose their ids and order."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AnyValue

LLM = {"openinference.span.kind": "LLM", "llm.model_name": "small", "output.value": "hello"}


def readable_span(
    trace_id: int,
    span_id: int,
    parent_id: int | None = 1,
    *,
    remote: bool = False,
    attributes: Mapping[str, AnyValue] | None = None,
) -> ReadableSpan:
    """A span of one second. Span 1 is the root by habit."""
    parent = None if parent_id is None else SpanContext(trace_id, parent_id, is_remote=remote)
    return ReadableSpan(
        f"span {span_id}",
        SpanContext(trace_id, span_id, is_remote=False),
        parent,
        Resource({"service.name": "shop"}),
        attributes=LLM if attributes is None else attributes,
        start_time=span_id * 1_000_000_000,
        end_time=(span_id + 1) * 1_000_000_000,
    )


def root_span(trace_id: int) -> ReadableSpan:
    return readable_span(trace_id, 1, None)
