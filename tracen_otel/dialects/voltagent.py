"""VoltAgent. Plain words as keys, so its scope and its own markers are its gate; Generic reads the plainest."""

from tracen_otel.attributes import read_integer, read_value
from tracen_otel.dialects.readings import instructed, kinds
from tracen_otel.dialects.table import Dialect, Reading, either, from_scope, marked_by
from tracen_otel.model import StepKind

_KIND_BY_TYPE = {
    "agent": StepKind.AGENT,
    "llm": StepKind.LLM,
    "tool": StepKind.TOOL,
    "retriever": StepKind.RETRIEVAL,
    "embedding": StepKind.EMBEDDING,
    "guardrail": StepKind.GUARDRAIL,
    "scorer": StepKind.EVALUATION,
    "workflow": StepKind.CHAIN,
    "workflow-step": StepKind.CHAIN,
    "memory": StepKind.OTHER,
    "summary": StepKind.OTHER,
}
"""An entity's type is inherited by all its spans, so it counts only where a span has no type of its own."""

VOLTAGENT = Dialect(
    name="VoltAgent",
    applies=either(
        from_scope("@voltagent/"),
        marked_by("voltagent.operation_id", "voltagent.conversation_id", "voltagent.label"),
    ),
    kind=(Reading("span.type", kinds(_KIND_BY_TYPE)), Reading("entity.type", kinds(_KIND_BY_TYPE))),
    label=(Reading("voltagent.label"),),
    system=(Reading("agent.instructions", instructed),),
    input=(
        Reading("agent.messages", read_value),
        Reading("llm.messages", read_value),
    ),
    model=(Reading("ai.model.name"), Reading("embedding.model")),
    input_tokens=(Reading("usage.prompt_tokens", read_integer),),
    output_tokens=(Reading("usage.completion_tokens", read_integer),),
    cache_read_tokens=(
        Reading("usage.cached_tokens", read_integer),
        Reading("llm.usage.cached_tokens", read_integer),
    ),
    reasoning_tokens=(Reading("usage.reasoning_tokens", read_integer),),
)
