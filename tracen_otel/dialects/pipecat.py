"""Pipecat: OTel GenAI names for voice pipelines; hearing and speaking have a model, but nobody asks it."""

from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading, from_scope
from tracen_otel.model import StepKind

_KIND_BY_OPERATION = {
    "stt": StepKind.OTHER,
    "tts": StepKind.OTHER,
    "llm_tool_call": StepKind.TOOL,
    "llm_tool_result": StepKind.TOOL,
    "llm_setup": StepKind.OTHER,
    **dict.fromkeys(("llm_request", "llm_response"), StepKind.LLM),
}

PIPECAT = Dialect(
    name="Pipecat",
    applies=from_scope("pipecat"),
    kind=(
        Reading("gen_ai.operation.name", kinds(_KIND_BY_OPERATION)),
        Reading("operation", kinds(_KIND_BY_OPERATION)),
    ),
    input=(Reading("text"),),
    output=(Reading("transcript"),),
)
