"""Spring AI: OTel GenAI keys on its model calls; clients, advisors, tools and vector stores have their own."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_NAME = {
    "chat_client": StepKind.AGENT,
    "advisor": StepKind.CHAIN,
    "tool_call": StepKind.TOOL,
    "vector_store": StepKind.RETRIEVAL,
}

SPRING_AI = Dialect(
    name="Spring AI",
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
