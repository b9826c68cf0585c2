"""Firebase Genkit: `genkit:` keys; a model action is named by its plugin and model, `openai/gpt-4o`."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import read_text, read_value
from tracen_otel.dialects.readings import kinds, usage_in
from tracen_otel.dialects.table import Dialect, OfKeys, Reading
from tracen_otel.model import Span, StepKind

_SUBTYPE = "genkit:metadata:subtype"
_NAME = "genkit:name"
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
    "prompt": StepKind.CHAIN,
    "executable-prompt": StepKind.CHAIN,
}
_KIND_BY_TYPE = dict.fromkeys(("flow", "util", "dotprompt", "prompttemplate", "flowstep"), StepKind.CHAIN)
_NAMED_BY_MODEL = frozenset({StepKind.LLM, StepKind.EMBEDDING, StepKind.RERANK})


def _find_of_model(span: Span, key: str) -> Any:
    kind = _KIND_BY_SUBTYPE.get(str(span.attributes.get(_SUBTYPE)))
    return span.attributes.get(key) if kind in _NAMED_BY_MODEL else None


_of_model = OfKeys(_find_of_model, lambda keys: _NAME in keys)


def _plugin(value: Any) -> str | None:
    plugin, is_named, _ = (read_text(value) or "").partition("/")
    return plugin or None if is_named else None


def _model(value: Any) -> str | None:
    name = read_text(value) or ""
    return name.partition("/")[2] or name or None


GENKIT = Dialect(
    name="Genkit",
    kind=(Reading(_SUBTYPE, kinds(_KIND_BY_SUBTYPE)), Reading("genkit:type", kinds(_KIND_BY_TYPE))),
    input=(Reading("genkit:input", read_value),),
    output=(Reading(_OUTPUT, read_value),),
    model=(Reading(_NAME, _model, _of_model),),
    provider_name=(Reading(_NAME, _plugin, _of_model),),
    usage=(Reading(_OUTPUT, usage_in("usage")),),
)
