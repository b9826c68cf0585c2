"""Spring AI: OTel GenAI keys on its model calls; clients, advisors, tools and vector stores have their own."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import CaptureSwitch, Where
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_NAME = {
    "chat_client": StepKind.AGENT,
    "advisor": StepKind.CHAIN,
    "tool_call": StepKind.TOOL,
    "vector_store": StepKind.RETRIEVAL,
}

_OF_MODELS = (
    "In an ObservationFilter, which /docs#spring-ai-said has whole; its own settings only log what is said."
)

SPRING_AI = Dialect(
    name="Spring AI",
    capture=(
        CaptureSwitch(
            "spring.ai.tools.observations.include-content=true", Where.CONFIGURATION, "Calls of tools."
        ),
        CaptureSwitch(
            'KeyValue.of("input.value", …), KeyValue.of("output.value", …)', Where.CODE, _OF_MODELS
        ),
    ),
    kind=(Reading("spring.ai.kind", kinds(_KIND_BY_NAME)),),
    tool_name=(Reading("spring.ai.tool.definition.name"),),
    input=(
        Reading("spring.ai.tool.call.arguments", read_value),
        Reading("db.vector.query.content"),
    ),
    output=(
        Reading("spring.ai.tool.call.result", read_value),
        Reading("db.vector.query.response.documents", read_value),
    ),
)
