"""Firebase Genkit: `genkit:` keys, the model's name being that of the action."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import kinds, usage_in
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import Span, StepKind

_SUBTYPE = "genkit:metadata:subtype"
_OUTPUT = "genkit:output"
_KIND_BY_SUBTYPE = {
    "model": StepKind.LLM,
    "background-model": StepKind.LLM,
    "embedder": StepKind.EMBEDDING,
    "reranker": StepKind.RERANK,
    "retriever": StepKind.RETRIEVAL,
    "tool": StepKind.TOOL,
    "tool.v2": StepKind.TOOL,
    "evaluator": StepKind.EVALUATION,
    "agent": StepKind.AGENT,
    "flow": StepKind.CHAIN,
}
_NAMED_BY_MODEL = frozenset({StepKind.LLM, StepKind.EMBEDDING, StepKind.RERANK})


def _of_model(span: Span, key: str) -> Any:
    kind = _KIND_BY_SUBTYPE.get(str(span.attributes.get(_SUBTYPE)))
    return span.attributes.get(key) if kind in _NAMED_BY_MODEL else None


GENKIT = Dialect(
    name="Genkit",
    kind=(
        Reading(_SUBTYPE, kinds(_KIND_BY_SUBTYPE)),
        Reading("genkit:type", kinds({"flow": StepKind.CHAIN, "util": StepKind.CHAIN})),
    ),
    input=(Reading("genkit:input", read_value),),
    output=(Reading(_OUTPUT, read_value),),
    model=(Reading("genkit:name", find=_of_model),),
    usage=(Reading(_OUTPUT, usage_in("usage")),),
)
