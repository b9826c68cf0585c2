"""Claude Code and the Claude Agent SDK. Plain words as keys, so the scope is its gate."""

from tracen_otel.attributes import read_integer, read_value
from tracen_otel.dialects.readings import instructed, kinds, on_event
from tracen_otel.dialects.table import Dialect, Reading, from_scope
from tracen_otel.model import StepKind

_ON_TOOL_OUTPUT = on_event("tool.output")

CLAUDE_CODE = Dialect(
    name="Claude Code",
    applies=from_scope("com.anthropic.claude_code"),
    kind=(
        Reading(
            "span.type",
            kinds({"interaction": StepKind.AGENT, "llm_request": StepKind.LLM, "tool": StepKind.TOOL}),
        ),
    ),
    system=(Reading("system_prompt_preview", instructed),),
    input=(
        Reading("user_prompt"),
        Reading("new_context", read_value),
        Reading("tool_input", read_value),
        Reading("full_command"),
        Reading("file_path"),
        Reading("skill_name"),
        Reading("subagent_type"),
    ),
    output=(
        Reading("response.model_output", read_value),
        Reading("output", read_value, _ON_TOOL_OUTPUT),
        Reading("content", read_value, _ON_TOOL_OUTPUT),
        Reading("diff", read_value, _ON_TOOL_OUTPUT),
    ),
    cache_read_tokens=(Reading("cache_read_tokens", read_integer),),
    cache_write_tokens=(Reading("cache_creation_tokens", read_integer),),
)
