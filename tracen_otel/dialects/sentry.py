"""Sentry's AI monitoring, whose spans are OpenTelemetry's: OTel GenAI, but replies as texts and calls apart."""

from __future__ import annotations

from typing import Any

from tracen_otel.attributes import decode_json, read_integer, read_value
from tracen_otel.dialects.capture import CaptureSwitch, Where
from tracen_otel.dialects.readings import answered, asked, said
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.messages import looks_like_messages
from tracen_otel.model import Message


def _texts(value: Any) -> tuple[Message, ...] | None:
    """The reply: a text, a list of texts (one for each choice), or the messages of a graph."""
    items = decode_json(value)
    if looks_like_messages(items):
        return answered(items)
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return said("\n".join(items))
    return said(value)


SENTRY = Dialect(
    name="Sentry",
    capture=(
        CaptureSwitch(
            "sentry_sdk.init(send_default_pii=True)",
            Where.CODE,
            "Unless an integration has include_prompts=False.",
        ),
    ),
    input=(
        Reading("gen_ai.request.messages", asked),
        Reading("gen_ai.embeddings.input", read_value),
    ),
    output=(
        Reading("gen_ai.response.text", _texts),
        Reading("gen_ai.response.object", said),
    ),
    tool_calls=(Reading("gen_ai.response.tool_calls", decode_json),),
    reasoning_tokens=(Reading("gen_ai.usage.output_tokens.reasoning", read_integer),),
)
