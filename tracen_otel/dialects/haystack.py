"""Haystack's own tracer: pipelines and components; a component's class tells its kind."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import read_text, read_value
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_SUFFIX = {
    "Generator": StepKind.LLM,
    "Retriever": StepKind.RETRIEVAL,
    "Embedder": StepKind.EMBEDDING,
    "Ranker": StepKind.RERANK,
    "ToolInvoker": StepKind.TOOL,
    "Agent": StepKind.AGENT,
}


def _kind(value: Any) -> StepKind:
    name = read_text(value) or ""
    return next((kind for suffix, kind in _KIND_BY_SUFFIX.items() if name.endswith(suffix)), StepKind.CHAIN)


HAYSTACK = Dialect(
    name="Haystack",
    kind=(Reading("haystack.component.type", _kind),),
    label=(Reading("haystack.component.name"),),
    input=(
        Reading("haystack.component.input", read_value),
        Reading("haystack.pipeline.input_data", read_value),
    ),
    output=(
        Reading("haystack.component.output", read_value),
        Reading("haystack.pipeline.output_data", read_value),
    ),
)
