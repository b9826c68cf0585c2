"""Langfuse's own attributes (its SDKs 3 and later are OpenTelemetry)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.attributes import decode_json, read_integer, read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, OfKeys, Reading
from tracen_otel.model import Span, StepKind, Usage
from tracen_otel.usage import read_usage

_LEVEL = "langfuse.observation.level"


def _find_where_error(span: Span, key: str) -> Any:
    """A status message tells of warnings as well; the level says which it is."""
    return span.attributes.get(key) if _is_failure(span.attributes.get(_LEVEL)) else None


_where_error = OfKeys(_find_where_error, lambda keys: _LEVEL in keys)


def _is_failure(level: Any) -> bool | None:
    return True if level == "ERROR" else None


def _usage(value: Any) -> Usage | None:
    """The counts, with those that its LangChain handler takes out of input and output back in them.

    They are known to be out where the total exceeds the two and holds all.
    """
    usage = read_usage(value)
    details = decode_json(value)
    total = read_integer(details.get("total")) if isinstance(details, Mapping) else None
    if usage is None or total is None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    input_tokens = usage.input_tokens + _sum_of(details, "input_")
    output_tokens = usage.output_tokens + _sum_of(details, "output_")
    if usage.input_tokens + usage.output_tokens >= total or input_tokens + output_tokens > total:
        return usage
    return replace(usage, input_tokens=input_tokens, output_tokens=output_tokens)


def _sum_of(details: Mapping[str, Any], prefix: str) -> int:
    return sum(read_integer(count) or 0 for name, count in details.items() if name.startswith(prefix))


_SCOPES = ("langfuse-sdk",)

LANGFUSE = Dialect(
    name="Langfuse",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch(
            "LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED=true",
            note="On unless it is off; `@observe(capture_input=…, capture_output=…)` decides for one function.",
        ),
    ),
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
    title=(Reading("langfuse.trace.name"),),
    input=(Reading("langfuse.observation.input", read_value), Reading("langfuse.trace.input", read_value)),
    output=(Reading("langfuse.observation.output", read_value), Reading("langfuse.trace.output", read_value)),
    model=(Reading("langfuse.observation.model.name"),),
    usage=(Reading("langfuse.observation.usage_details", _usage),),
    error_message=(Reading("langfuse.observation.status_message", find=_where_error),),
    failed=(Reading(_LEVEL, _is_failure),),
)
