"""Ways to look up and read values that several dialects' tables share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from tracen_otel.attributes import decode_json, encode_json, event_fields, events_named, read_plain, read_text
from tracen_otel.dialects.table import Find, OfEvents, Read
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, Part, Span, StepKind, Usage
from tracen_otel.usage import read_usage

# -- where to look ------------------------------------------------------------------------------------


def span_name(span: Span, key: str) -> Any:
    """Look at the span's name, for conventions that say there what others say in an attribute."""
    return span.name


def on_event(*names: str) -> Find:
    """Look for the key on the events of these names, the last one first."""
    wanted = frozenset(names)

    def find(span: Span, key: str) -> Any:
        values = [
            v for event in events_named(span, wanted) if (v := event_fields(event).get(key)) is not None
        ]
        return values[-1] if values else None

    return OfEvents(find)


# -- how to read --------------------------------------------------------------------------------------


def kinds(kind_by_name: Mapping[str, StepKind]) -> Read:
    """Read a kind by its name in this dialect, in any case; None for a name that is not in the mapping."""

    def read(value: Any) -> StepKind | None:
        name = read_text(value)
        return None if name is None else kind_by_name.get(name.lower())

    return read


def means(kind: StepKind) -> Read:
    """Read a kind from the mere presence of the key."""
    return lambda value: None if value == "" else kind


def kind_of_model(value: Any) -> StepKind | None:
    """Read a kind from a model's name, for spans that tell no more: most models are asked in words."""
    name = (read_text(value) or "").lower()
    if not name:
        return None
    return StepKind.EMBEDDING if "embed" in name else StepKind.RERANK if "rerank" in name else StepKind.LLM


def asked(value: Any) -> tuple[Message, ...] | None:
    """Read messages of a request."""
    return read_messages(value, "user") or None


def answered(value: Any) -> tuple[Message, ...] | None:
    """Read messages of a reply."""
    return read_messages(value, "assistant") or None


def said(value: Any) -> tuple[Message, ...] | None:
    """Read a reply told as bare text; text that is JSON, a structured answer, keeps its spelling."""
    text = read_plain(value) if isinstance(value, str) else encode_json(value) if value else None
    return read_messages({"role": "assistant", "content": [text]}, "assistant") if text else None


def streamed(value: Any) -> tuple[Message, ...] | None:
    """Read one turn out of a stream that is told as a message for each of its chunks."""
    parts = tuple(_joined(part for message in read_messages(value, "assistant") for part in message.parts))
    return (Message("assistant", parts),) if parts else None


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """The parts, with text that continues text in one; reasoning likewise."""
    for kind, run in groupby(parts, key=lambda part: part.type):
        if kind in ("text", "reasoning"):
            yield Part(kind, "".join(part.text for part in run))
        else:
            yield from run


def instructed(value: Any) -> tuple[Message, ...] | None:
    """Read system instructions: a text, or a list of parts, so one message."""
    content = decode_json(value)
    return read_messages({"role": "system", "content": content}, "system") or None if content else None


def field_of(*path: str) -> Read:
    """Read a text inside a JSON value, by its path."""
    return lambda value: read_text(_inside(value, path))


def usage_in(*path: str) -> Read:
    """Read a usage object inside a JSON value, by its path."""

    def read(value: Any) -> Usage | None:
        return read_usage(_inside(value, path))

    return read


def _inside(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = decode_json(value)
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
