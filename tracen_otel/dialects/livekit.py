"""LiveKit Agents: spoken turns; a span's name tells its kind. Newer releases tell what was said under `lk.pii`."""

from __future__ import annotations

import re
from typing import Any

from tracen_otel.attributes import decode_json, read_text, read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import instructed, kinds, span_name
from tracen_otel.dialects.table import Dialect, Reading, from_scope
from tracen_otel.model import StepKind

_KIND_BY_SPAN_NAME = {
    "agent_session": StepKind.CHAIN,
    "agent_turn": StepKind.AGENT,
    "start_agent_activity": StepKind.AGENT,
    "function_tool": StepKind.TOOL,
    "llm_node": StepKind.LLM,
    "llm_request": StepKind.LLM,
    "llm_request_run": StepKind.OTHER,  # one attempt of the request above it
    "judge_evaluation": StepKind.EVALUATION,
}
_DOMAIN = re.compile(r"(?:.*\.)?([a-z0-9-]+)\.[a-z]{2,}(?::\d+)?")
_ADDRESS = re.compile(r"localhost(:\d+)?|[\d.]+(:\d+)?|\[?[\da-f:]+\]?(:\d+)?")


def _vendor(value: Any) -> str | None:
    """The provider, which is told as the host of its API: `api.openai.com`. An address alone names nobody."""
    host = (read_text(value) or "").lower()
    if _ADDRESS.fullmatch(host):
        return ""
    domain = _DOMAIN.fullmatch(host)
    return domain[1] if domain else read_text(value)


_SCOPES = ("livekit-agents",)

LIVEKIT = Dialect(
    name="LiveKit Agents",
    applies=from_scope(*_SCOPES),
    scopes=_SCOPES,
    capture=(
        CaptureSwitch(
            "LIVEKIT_TELEMETRY_ALLOW_PII=1", note="On unless it is off, or the project's redaction is on."
        ),
    ),
    kind=(Reading("(span name)", kinds(_KIND_BY_SPAN_NAME), span_name),),
    tool_name=(Reading("lk.function_tool.name"),),
    system=(Reading("lk.pii.instructions", instructed), Reading("lk.instructions", instructed)),
    input=(
        Reading("lk.pii.user_input"),
        Reading("lk.user_input"),
        Reading("lk.pii.user_transcript"),
        Reading("lk.user_transcript"),
        Reading("lk.pii.input_text"),
        Reading("lk.input_text"),
        Reading("lk.pii.chat_ctx", read_value),
        Reading("lk.chat_ctx", read_value),
        Reading("lk.pii.function_tool.arguments", read_value),
        Reading("lk.function_tool.arguments", read_value),
    ),
    output=(
        Reading("lk.pii.response.text"),
        Reading("lk.response.text"),
        Reading("lk.pii.function_tool.output", read_value),
        Reading("lk.function_tool.output", read_value),
    ),
    tool_calls=(
        Reading("lk.pii.response.function_calls", decode_json),
        Reading("lk.response.function_calls", decode_json),
    ),
    provider_name=(Reading("gen_ai.provider.name", _vendor),),
)
