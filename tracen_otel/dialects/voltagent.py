"""VoltAgent. Plain words as keys, so its own markers are its gate."""

from tracen_otel.attributes import read_integer, read_value
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading, marked_by
from tracen_otel.model import StepKind

_KIND_BY_TYPE = {
    "agent": StepKind.AGENT,
    "llm": StepKind.LLM,
    "tool": StepKind.TOOL,
    "retriever": StepKind.RETRIEVAL,
    "embedding": StepKind.EMBEDDING,
    "guardrail": StepKind.GUARDRAIL,
    "workflow": StepKind.CHAIN,
}

VOLTAGENT = Dialect(
    name="VoltAgent",
    applies=marked_by("voltagent.operation_id", "voltagent.conversation_id"),
    kind=(Reading("span.type", kinds(_KIND_BY_TYPE)), Reading("entity.type", kinds(_KIND_BY_TYPE))),
    input=(Reading("agent.messages", read_value), Reading("llm.messages", read_value)),
    input_tokens=(Reading("usage.prompt_tokens", read_integer),),
    output_tokens=(Reading("usage.completion_tokens", read_integer),),
)
