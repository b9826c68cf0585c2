"""OpenLLMetry (Traceloop): indexed messages of old, workflow, task, agent and tool spans."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import indexed, read_integer, read_value
from tracen_otel.dialects.table import Dialect, Reading, kinds
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, StepKind

_KIND_BY_NAME = {
    "workflow": StepKind.CHAIN,
    "task": StepKind.CHAIN,
    "agent": StepKind.AGENT,
    "tool": StepKind.TOOL,
}
_KIND_BY_REQUEST = {
    "completion": StepKind.LLM,
    "chat": StepKind.LLM,
    "rerank": StepKind.RERANK,
    "embedding": StepKind.EMBEDDING,
}


def _turns(role: str) -> Any:
    def read(value: Any) -> tuple[Message, ...] | None:
        return read_messages(value, role) or None if isinstance(value, list) else None

    return read


OPENLLMETRY = Dialect(
    name="OpenLLMetry",
    kind=(
        Reading("traceloop.span.kind", kinds(_KIND_BY_NAME)),
        Reading("llm.request.type", kinds(_KIND_BY_REQUEST)),
    ),
    input=(
        Reading("gen_ai.prompt.N", _turns("user"), lambda span, key: indexed(span, key.removesuffix(".N"))),
        Reading("traceloop.entity.input", read_value),
    ),
    output=(
        Reading(
            "gen_ai.completion.N",
            _turns("assistant"),
            lambda span, key: indexed(span, key.removesuffix(".N")),
        ),
        Reading("traceloop.entity.output", read_value),
    ),
    provider_name=(Reading("traceloop.association.properties.ls_provider"),),
    reasoning_tokens=(Reading("llm.usage.reasoning_tokens", read_integer),),
)
