"""Mastra: version 0's telemetry after the Vercel AI SDK, with the operation for a prefix; its exporters of now."""

from tracen_otel.attributes import decode_json, read_integer, read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch, Where
from tracen_otel.dialects.readings import asked, kinds, means, said
from tracen_otel.dialects.table import Dialect, Read, Reading
from tracen_otel.model import StepKind

_KIND_BY_TYPE = {
    "agent_run": StepKind.AGENT,
    "llm_generation": StepKind.LLM,
    **dict.fromkeys(("model_generation", "model_inference"), StepKind.LLM),
    "model_chunk": StepKind.OTHER,
    **dict.fromkeys(
        ("tool_call", "mcp_tool_call", "client_tool_call", "provider_tool_call"),
        StepKind.TOOL,
    ),
    **dict.fromkeys(
        (
            "workflow_run",
            "workflow_step",
            "workflow_conditional",
            "workflow_conditional_eval",
            "workflow_parallel",
            "workflow_loop",
            "workflow_sleep",
            "workflow_wait_event",
            "processor_run",
            "mcp_server_request",
            "rag_ingestion",
        ),
        StepKind.CHAIN,
    ),
    "rag_embedding": StepKind.EMBEDDING,
    **dict.fromkeys(("scorer_run", "scorer_step", "classifier_evaluation"), StepKind.EVALUATION),
}
_TYPES = (*_KIND_BY_TYPE, "model_step", "generic", "memory_operation", "rag_vector_operation", "rag_action")
"""The kinds of span that say what they were given: those above, and some that no single kind describes."""

_OPERATIONS = ("stream", "generateText", "streamText", "generateObject", "streamObject")
_MODEL = "aisdk.model.id"


def _of_operations(name: str, read: Read) -> tuple[Reading, ...]:
    return tuple(Reading(f"{operation}.{name}", read) for operation in _OPERATIONS)


_SCOPES = ("@mastra/",)

MASTRA = Dialect(
    name="Mastra",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("tracingOptions: { hideInput: false, hideOutput: false }", Where.CODE, ON_UNLESS_OFF),
    ),
    kind=(
        Reading("mastra.span.type", kinds(_KIND_BY_TYPE)),
        Reading(_MODEL, means(StepKind.LLM)),
    ),
    input=(
        *(Reading(f"mastra.{span_type}.input", read_value) for span_type in _TYPES),
        Reading("gen_ai.tool.input", read_value),
        *_of_operations("prompt.messages", asked),
    ),
    output=(
        *(Reading(f"mastra.{span_type}.output", read_value) for span_type in _TYPES),
        Reading("gen_ai.tool.output", read_value),
        *_of_operations("response.text", said),
        *_of_operations("response.object", said),
    ),
    tool_calls=_of_operations("response.toolCalls", decode_json),
    model=(Reading(_MODEL),),
    provider_name=(Reading("aisdk.model.provider"),),
    input_tokens=(
        *_of_operations("usage.inputTokens", read_integer),
        *_of_operations("usage.promptTokens", read_integer),
    ),
    output_tokens=(
        *_of_operations("usage.outputTokens", read_integer),
        *_of_operations("usage.completionTokens", read_integer),
    ),
    cache_read_tokens=_of_operations("usage.cachedInputTokens", read_integer),
    reasoning_tokens=_of_operations("usage.reasoningTokens", read_integer),
)
