"""Langfuse's own attributes (its SDKs 3 and later are OpenTelemetry)."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import Span, StepKind
from tracen_otel.usage import read_usage


def _where_error(span: Span, key: str) -> Any:
    """A status message tells of warnings as well; the level says which it is."""
    return span.attributes.get(key) if span.attributes.get("langfuse.observation.level") == "ERROR" else None


LANGFUSE = Dialect(
    name="Langfuse",
    kind=(
        Reading(
            "langfuse.observation.type",
            kinds(
                {
                    "generation": StepKind.LLM,
                    "embedding": StepKind.EMBEDDING,
                    "agent": StepKind.AGENT,
                    "tool": StepKind.TOOL,
                    "chain": StepKind.CHAIN,
                    "span": StepKind.CHAIN,
                    "event": StepKind.OTHER,
                    "retriever": StepKind.RETRIEVAL,
                    "guardrail": StepKind.GUARDRAIL,
                    "evaluator": StepKind.EVALUATION,
                }
            ),
        ),
    ),
    input=(Reading("langfuse.observation.input", read_value), Reading("langfuse.trace.input", read_value)),
    output=(Reading("langfuse.observation.output", read_value), Reading("langfuse.trace.output", read_value)),
    model=(Reading("langfuse.observation.model.name"),),
    usage=(Reading("langfuse.observation.usage_details", read_usage),),
    error_message=(Reading("langfuse.observation.status_message", find=_where_error),),
)
