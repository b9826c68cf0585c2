"""Gemini CLI: OTel GenAI keys, but a reply is told as one item per chunk of the stream."""

from __future__ import annotations

from typing import Any

from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, Part, Span


def _is_gemini_cli(span: Span) -> bool:
    return span.attributes.get("gen_ai.agent.name") == "gemini-cli"


def _joined(value: Any) -> tuple[Message, ...] | None:
    """One turn out of the chunks: their text as one, then what is no text."""
    parts = [part for message in read_messages(value, "assistant") for part in message.parts]
    text = "".join(part.text for part in parts if part.type == "text")
    rest = [part for part in parts if part.type != "text"]
    turn = (*((Part("text", text),) if text else ()), *rest)
    return (Message("assistant", turn),) if turn else None


GEMINI_CLI = Dialect(
    name="Gemini CLI",
    applies=_is_gemini_cli,
    output=(Reading("gen_ai.output.messages", _joined),),
)
