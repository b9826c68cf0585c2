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

_OF_TOOLS = (
    "Calls of tools. Prompts and answers its settings only log: /docs#spring-ai-said has what records them."
)

SPRING_AI = Dialect(
    name="Spring AI",
    capture=(
        CaptureSwitch("spring.ai.tools.observations.include-content=true", Where.CONFIGURATION, _OF_TOOLS),
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
