"""What is left of a trace that is published without content: that it happened, how long, with what model and tokens.

An attribute stays where it is known to hold no words: unknown ones may be what somebody said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tracen_otel.attributes import attribute, read_text
from tracen_otel.dialects import DIALECTS
from tracen_otel.dialects.table import fields_of
from tracen_otel.model import Attributes, Event, Scope, Span, Step, StepKind, Trace

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
_NAMING_KEYS = _keys_of({"tool_name", "model", "provider_name"})
"""Keys whose values instrumentations put into the names of spans."""
_WORDS_OF_NAMES = frozenset({"haystack.component.name"})
"""Labels that are identifiers of a program. All others are sentences with what was asked in them."""
_EVENT_NAMES = frozenset(
    {
        "exception",
        "gen_ai.system.message",
        "gen_ai.user.message",
        "gen_ai.assistant.message",
        "gen_ai.tool.message",
        "gen_ai.choice",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "gen_ai.usage",
        "gen_ai.evaluation.result",
        "gen_ai.client.inference.operation.details",
        "tool.output",
    }
)
"""What conventions call events; any other name may be a sentence, as may any key."""
_NO_NAME, _NO_EVENT_NAME = "step", "event"
_WORD = re.compile(r"[\w./:@+-]{1,100}", re.ASCII)
"""What a name or an id looks like; facts may also stand in JSON, with anything beside them.

In ASCII alone: there are languages that write a sentence without a blank.
"""
_KEY = re.compile(r"[\w.:/-]{1,100}", re.ASCII)
_NO_SENTENCE = re.compile("[!-~]{1,100}")
_SPAN_NAME = re.compile(r"[^\r\n]{1,100}")


def without_content(trace: Trace) -> Trace:
    """The same without what anybody said or was told: prompts, answers, arguments, results, error messages."""
    return replace(
        trace,
        prompt="",
        response="",
        title=_title(trace),
        model=_word(trace.model) or "",
        provider_name=_word(trace.provider_name),
        system=None,
        error_message=None,
        steps=tuple(_bare(step) for step in trace.steps),
        notes=(*trace.notes, NOT_CAPTURED),
        sources={name: step_id for name, step_id in trace.sources.items() if name in _FACTS | {"provider"}},
    )


def bare_span(span: Span) -> Span:
    """A span for the spool without what anybody said; a little less can be told of it than of a whole one."""
    return replace(
        span,
        name=span.name if _is_name_of_span(span.name, span.attributes) else _NO_NAME,
        attributes=_facts(span.attributes),
        events=tuple(_bare_event(event) for event in span.events),
        scope=Scope(_word(span.scope.name) or "", _word(span.scope.version) or ""),
        resource=_facts(span.resource),
        status_message="",
    )


def _bare(step: Step) -> Step:
    return replace(
        step,
        name=_name(step),
        scope=_word(step.scope) or "",
        error_message=_error_type(step),
        input=None,
        output=None,
        input_messages=(),
        output_messages=(),
        model=_word(step.model),
        provider_name=_word(step.provider_name),
        attributes=_facts(step.attributes),
        events=tuple(_bare_event(event) for event in step.events),
        warnings=(),
        sources={name: source for name, source in step.sources.items() if name in _FACTS},
        unread=(),
    )


# -- names --------------------------------------------------------------------------------------------


def _word(value: Any) -> str | None:
    """The value where it looks like a name: those of models, providers and errors can be any text."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _title(trace: Trace) -> str:
    """The name of the step that it repeats; a title in words of its own is any text, and the root names the trace."""
    repeated = [step for step in trace.steps if step.name == trace.title]
    named = repeated or [step for step in trace.steps if step.parent_id is None]
    return _name(named[0]) if named else ""


def _name(step: Step) -> str:
    """The span's name, as the instrumentation made it, or the tool's; a label only where it is an identifier."""
    label = step.sources.get("label")
    if label is None:
        is_kept = _is_name_of_span(step.name, step.attributes, step.model, step.provider_name)
    else:
        is_kept = label.key in _WORDS_OF_NAMES and _word(step.name) is not None
    if is_kept:
        return step.name
    tool = step.sources.get("tool_name")
    if tool and step.kind is StepKind.TOOL and (called := _word(read_text(step.attributes.get(tool.key)))):
        return called
    kind = _NO_NAME if step.kind is StepKind.OTHER else step.kind.value
    return f"{kind} {model}" if (model := _word(step.model)) else kind


def _is_name_of_span(name: str, attributes: Attributes, *told: str | None) -> bool:
    """Whether this can be a span's name and repeats no text of the span: CrewAI calls a span as its task reads."""
    if not _SPAN_NAME.fullmatch(name):
        return False
    texts = (read_text(value) for key, value in attributes.items() if not _names_something(key))
    return not any(text and text in name and not _NO_SENTENCE.fullmatch(text) for text in (*told, *texts))


def _names_something(key: str) -> bool:
    """Agents and functions may be called in several words; models, providers and tools hardly are."""
    return key.endswith("name") and key not in _NAMING_KEYS


# -- attributes and events ----------------------------------------------------------------------------


def _facts(attributes: Attributes) -> Attributes:
    return {key: value for key, value in attributes.items() if _is_fact(key, value)}


def _is_fact(key: str, value: Any) -> bool:
    if not _KEY.fullmatch(key):
        return False
    if value is None or isinstance(value, bool | int | float):
        return True
    is_told = key in _FACT_KEYS or key in _PLAIN_KEYS or key.startswith(_PLAIN_NAMESPACES)
    return is_told and _word(value) is not None


def _bare_event(event: Event) -> Event:
    told = {key: value for key, value in event.attributes.items() if key in _TOLD_OF_ERRORS and _word(value)}
    return Event(event.name if event.name in _EVENT_NAMES else _NO_EVENT_NAME, event.time_ns, told)


def _error_type(step: Step) -> str | None:
    """What an error's message says may be quoted from a prompt; its type is not."""
    if step.error_message is None:
        return None
    told = (event.attributes.get("exception.type") for event in step.events)
    return _word(next((name for name in told if isinstance(name, str)), step.attributes.get("error.type")))
