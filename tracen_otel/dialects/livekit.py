"""LiveKit Agents: spoken turns; a span's name tells its kind."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import instructed, kinds, span_name
from tracen_otel.dialects.table import Dialect, Reading, from_scope
from tracen_otel.model import StepKind

LIVEKIT = Dialect(
    name="LiveKit Agents",
    applies=from_scope("livekit-agents"),
    kind=(
        Reading(
            "(span name)",
            kinds(
                {
                    "agent_turn": StepKind.AGENT,
                    "start_agent_activity": StepKind.AGENT,
                    "function_tool": StepKind.TOOL,
                    "llm_node": StepKind.LLM,
                    "llm_request": StepKind.LLM,
                }
            ),
            span_name,
        ),
    ),
    tool_name=(Reading("lk.function_tool.name"),),
    system=(Reading("lk.instructions", instructed),),
    input=(
        Reading("lk.user_input"),
        Reading("lk.user_transcript"),
        Reading("lk.input_text"),
        Reading("lk.chat_ctx", read_value),
        Reading("lk.function_tool.arguments", read_value),
    ),
    output=(Reading("lk.response.text"), Reading("lk.function_tool.output", read_value)),
    tool_calls=(Reading("lk.response.function_calls", read_value),),
)
