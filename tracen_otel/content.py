"""What is left of a trace that is published without content: that it happened, how long, with what model and tokens.

An attribute stays where it is known to hold no words: unknown ones may be what somebody said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tracen_otel.attributes import attribute
from tracen_otel.dialects import DIALECTS
from tracen_otel.dialects.table import fields_of
from tracen_otel.model import Attributes, Event, Span, Step, Trace

NOT_CAPTURED = "Content was left out by the program that sent this trace (capture_content is off)."
"""Note of such a trace."""

_FACTS = frozenset(
    {
        "kind",
        "tool_name",
        "model",
        "provider_name",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "usage",
        "response_id",
    }
)
_PLAIN_KEYS = frozenset(
    {"error.type", "http.request.method", "http.method", "url.scheme", "rpc.method", "db.system"}
)
_PLAIN_NAMESPACES = ("server.", "network.", "telemetry.", "service.")
_TOLD_OF_ERRORS = frozenset({"exception.type", "error.type"})


def _keys_of(is_wanted: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(is_wanted)
    return frozenset(
        reading.key
        for dialect in DIALECTS
        for field, readings in fields_of(dialect)
        if field in wanted
        for reading in readings
        if reading.find is attribute
    )


_FIELDS = frozenset(field for dialect in DIALECTS for field, _ in fields_of(dialect))
_FACT_KEYS = _keys_of(_FACTS) - _keys_of(_FIELDS - _FACTS) - {"http.url"}
"""Keys that tell facts in every dialect that reads them."""
_WORD = re.compile(r"[\w./:@+-]{1,100}")
"""What a name or an id looks like; facts may also stand in JSON, with anything beside them."""


def without_content(trace: Trace) -> Trace:
    """The same without what anybody said or was told: prompts, answers, arguments, results, error messages."""
    return replace(
        trace,
        prompt="",
        response="",
        system=None,
        error_message=None,
        steps=tuple(_bare(step) for step in trace.steps),
        notes=(*trace.notes, NOT_CAPTURED),
        sources={name: step_id for name, step_id in trace.sources.items() if name in _FACTS | {"provider"}},
    )


def bare_span(span: Span) -> Span:
    """A span for the spool without what anybody said; a little less can be told of it than of a whole one."""
    events = tuple(_bare_event(event) for event in span.events)
    return replace(span, attributes=_facts(span.attributes), events=events, status_message="")


def _bare(step: Step) -> Step:
    return replace(
        step,
        error_message=_error_type(step),
        input=None,
        output=None,
        input_messages=(),
        output_messages=(),
        attributes=_facts(step.attributes),
        events=tuple(_bare_event(event) for event in step.events),
        warnings=(),
        sources={name: source for name, source in step.sources.items() if name in _FACTS},
        unread=(),
    )


def _facts(attributes: Attributes) -> Attributes:
    return {key: value for key, value in attributes.items() if _is_fact(key, value)}


def _is_fact(key: str, value: Any) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        return False
    return key in _FACT_KEYS or key in _PLAIN_KEYS or key.startswith(_PLAIN_NAMESPACES)


def _bare_event(event: Event) -> Event:
    told = {key: value for key, value in event.attributes.items() if key in _TOLD_OF_ERRORS}
    return Event(event.name, event.time_ns, told)


def _error_type(step: Step) -> str | None:
    """What an error's message says may be quoted from a prompt; its type is not."""
    if step.error_message is None:
        return None
    told = (event.attributes.get("exception.type") for event in step.events)
    kind = next((name for name in told if isinstance(name, str)), step.attributes.get("error.type"))
    return kind if isinstance(kind, str) else None
