"""Firebase Genkit: `genkit:` keys, the model's name being that of the action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_value
from tracen_otel.dialects.table import Dialect, Reading, kinds
from tracen_otel.model import Span, StepKind, Usage
from tracen_otel.usage import read_usage

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
    "flow": StepKind.CHAIN,
}
_NAMED_BY_MODEL = frozenset({StepKind.LLM, StepKind.EMBEDDING, StepKind.RERANK})


def _of_model(span: Span, key: str) -> Any:
    kind = _KIND_BY_SUBTYPE.get(str(span.attributes.get(_SUBTYPE)))
    return span.attributes.get(key) if kind in _NAMED_BY_MODEL else None


def _usage(value: Any) -> Usage | None:
    body = decode_json(value)
    return read_usage(body.get("usage")) if isinstance(body, Mapping) else None


GENKIT = Dialect(
    name="Genkit",
    kind=(
        Reading(_SUBTYPE, kinds(_KIND_BY_SUBTYPE)),
        Reading("genkit:type", kinds({"flow": StepKind.CHAIN})),
    ),
    input=(Reading("genkit:input", read_value),),
    output=(Reading(_OUTPUT, read_value),),
    model=(Reading("genkit:name", find=_of_model),),
    usage=(Reading(_OUTPUT, _usage),),
)
