"""LangWatch's own SDKs: every value stands in an envelope that tells its type, `{"type": "text", "value": …}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch, Where
from tracen_otel.dialects.readings import answered, asked, kinds, usage_in
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_TYPE = {
    "llm": StepKind.LLM,
    "agent": StepKind.AGENT,
    "tool": StepKind.TOOL,
    "rag": StepKind.RETRIEVAL,
    "guardrail": StepKind.GUARDRAIL,
    "evaluation": StepKind.EVALUATION,
    **dict.fromkeys(("chain", "span", "workflow", "task", "component", "module"), StepKind.CHAIN),
}


def _inside(read_chat: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Read what the envelope holds: a conversation as such, any other value as it is."""

    def read(value: Any) -> Any:
        body = decode_json(value)
        if not isinstance(body, Mapping) or "value" not in body:
            return read_value(value)
        return read_chat(body["value"]) if body.get("type") == "chat_messages" else read_value(body["value"])

    return read


LANGWATCH = Dialect(
    name="LangWatch",
    capture=(
        CaptureSwitch("@langwatch.trace(capture_input=True, capture_output=True)", Where.CODE, ON_UNLESS_OFF),
    ),
    kind=(Reading("langwatch.span.type", kinds(_KIND_BY_TYPE)),),
    input=(Reading("langwatch.input", _inside(asked)),),
    output=(Reading("langwatch.output", _inside(answered)),),
    usage=(Reading("langwatch.metrics", usage_in("value")),),
)
