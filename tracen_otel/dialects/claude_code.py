"""Claude Code and the Claude Agent SDK. Plain words as keys, so the scope is its gate."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import read_integer, read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import instructed, kinds, on_event
from tracen_otel.dialects.table import Dialect, Reading, from_scope
from tracen_otel.model import Span, StepKind

_ON_TOOL_OUTPUT = on_event("tool.output")
_CACHE_READ = "cache_read_tokens"
_CACHE_WRITE = "cache_creation_tokens"


def _with_cache(span: Span, key: str) -> Any:
    """All input tokens: the count, as Anthropic's API has it, leaves out those of the cache."""
    told = span.attributes.get(key)
    count = read_integer(told)
    cached = (read_integer(span.attributes.get(name)) or 0 for name in (_CACHE_READ, _CACHE_WRITE))
    return told if count is None else count + sum(cached)


_SCOPES = ("com.anthropic.claude_code",)

CLAUDE_CODE = Dialect(
    name="Claude Code",
    applies=from_scope(*_SCOPES),
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("OTEL_LOG_USER_PROMPTS=1"),
        CaptureSwitch("OTEL_LOG_TOOL_DETAILS=1"),
        CaptureSwitch("OTEL_LOG_TOOL_CONTENT=1"),
    ),
    kind=(
        Reading(
            "span.type",
            kinds({"interaction": StepKind.AGENT, "llm_request": StepKind.LLM, "tool": StepKind.TOOL}),
        ),
    ),
    system=(Reading("user_system_prompt", instructed), Reading("system_prompt_preview", instructed)),
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
    input_tokens=(Reading("input_tokens", read_integer, _with_cache),),
    cache_read_tokens=(Reading(_CACHE_READ, read_integer),),
    cache_write_tokens=(Reading(_CACHE_WRITE, read_integer),),
)
