"""OpenLLMetry (Traceloop): indexed messages of old, workflow, task, agent and tool spans."""

from __future__ import annotations

from tracen_otel.attributes import indexed, read_integer, read_value
from tracen_otel.dialects.readings import answered, asked, kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

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

OPENLLMETRY = Dialect(
    name="OpenLLMetry",
    kind=(
        Reading("traceloop.span.kind", kinds(_KIND_BY_NAME)),
        Reading("llm.request.type", kinds(_KIND_BY_REQUEST)),
    ),
    input=(
        Reading("gen_ai.prompt.N", asked, indexed),
        Reading("traceloop.entity.input", read_value),
    ),
    output=(
        Reading("gen_ai.completion.N", answered, indexed),
        Reading("traceloop.entity.output", read_value),
        Reading("crewai.crew.result", read_value),
    ),
    provider_name=(Reading("traceloop.association.properties.ls_provider"),),
    reasoning_tokens=(Reading("llm.usage.reasoning_tokens", read_integer),),
)
