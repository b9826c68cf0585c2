"""Secrets in spans, log records and payloads are replaced by words that say what stood there.

    [masked: OpenAI key]                     a secret
    [withheld: the redaction hook failed]    a text that a hook of the user's could not look through

What stands in their place holds neither quote nor backslash, so JSON in an attribute stays JSON. What a resource
or a span tells of the machine or of a person is left out without a word. Knows no SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.machine import event_without_person, span_without_person, without_machine, without_person
from tracen_otel.model import Attributes, Event, LogRecord, Span
from tracen_otel.secrets.absence import MAX_DEPTH, MIN_TEXT, is_clean
from tracen_otel.secrets.places import Found
from tracen_otel.secrets.search import find
from tracen_otel.secrets.walk import Walk, replaced

Redact = bool | Callable[[str], str] | Iterable[str | re.Pattern[str]]
"""What a user can give: on or off; a hook that sees each text after the built-in patterns; more patterns."""

WITHHELD = "[withheld: the redaction hook failed]"
_EXTRA = "by your pattern"
_EXPECTED = (
    "expected True, False, a function from text to text, or patterns to mask besides the built-in ones"
)


class Redaction:
    """Masks secrets. What is given back is the same object wherever nothing was found.

    Raises ValueError for what is none of `Redact`, and for a pattern that is no regular expression.
    """

    def __init__(self, redact: Redact = True) -> None:
        self.is_on: bool = redact is not False
        self._hook: Callable[[str], str] | None = None
        self._patterns: tuple[re.Pattern[str], ...] = ()
        if not isinstance(redact, bool):
            if callable(redact):
                self._hook = redact
            else:
                self._patterns = _patterns(redact)
        self._looks_at_all = bool(self._hook or self._patterns)
        self._last_resource: tuple[Attributes, Attributes, bool] = {}, {}, True

    def text(self, text: str) -> tuple[str, int]:
        """The text with its secrets masked, and how many those were."""
        count = 0
        if len(text) >= MIN_TEXT and self.is_on and (found := find(text)):
            text, count = replaced(text, found), len(found)
        return self._looked_at(text, count) if self._looks_at_all else (text, count)

    def span(self, span: Span) -> Span:
        """The span with its secrets masked, and counted in `masked`.

        What its resource holds is counted with spans without a parent alone: all spans of a process share it.
        """
        if not self.is_on:
            return span
        told, is_clean_resource = self._public_resource(span.resource)
        if told is not span.resource:
            span = replace(span, resource=told)
        span = span_without_person(span)
        if not self._looks_at_all and is_clean_resource and _is_clean_span(span):
            return span
        walk = Walk(self.text)
        name, message = walk.text(span.name), walk.text(span.status_message)
        attributes, scope = walk.mapping(span.attributes), walk.scope(span.scope)
        events = walk.events(span.events)
        count = walk.count
        resource = walk.mapping(span.resource)
        if not walk.count:
            return span
        return replace(
            span,
            name=name,
            status_message=message,
            attributes=attributes,
            events=events,
            scope=scope,
            resource=resource,
            masked=span.masked + (count if span.parent_id else walk.count),
        )

    def attributes(self, attributes: Attributes) -> Attributes:
        """What of the attributes of a span or an event everybody may know; secrets are still in it."""
        return without_person(attributes) if self.is_on else attributes

    def resource(self, attributes: Attributes) -> Attributes:
        """What of a resource's attributes everybody may know; secrets are still in it."""
        return without_machine(attributes) if self.is_on else attributes

    def _public_resource(self, resource: Attributes) -> tuple[Attributes, bool]:
        """The same of a resource, and whether no secret is in it: that of the span before, more often than not."""
        came, told, is_without_secret = self._last_resource
        if resource is not came:
            told = without_machine(resource)
            is_without_secret = is_clean(told, MAX_DEPTH)
            self._last_resource = resource, told, is_without_secret
        return told, is_without_secret

    def log_record(self, record: LogRecord) -> LogRecord:
        """The log record with its secrets masked, and counted in `masked`."""
        if not self.is_on:
            return record
        told = event_without_person(record.event)
        if told is not record.event:
            record = replace(record, event=told)
        if not self._looks_at_all and _is_clean_event(record.event):
            return record
        walk = Walk(self.text)
        event = walk.event(record.event)
        return replace(record, event=event, masked=record.masked + walk.count) if walk.count else record

    def json(self, value: Any) -> tuple[Any, int]:
        """A JSON value with the secrets of its texts and names masked, and how many those were."""
        if not self.is_on or (not self._looks_at_all and is_clean(value, MAX_DEPTH)):
            return value, 0
        walk = Walk(self.text)
        return walk.value(value, MAX_DEPTH), walk.count

    def payload(self, value: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
        """A payload alike; what is masked is added to the counts that it and its steps tell."""
        if not self.is_on:
            return value, 0
        own, count = self._counted({name: field for name, field in value.items() if name != "steps"})
        told = [self._counted(step) for step in value["steps"]]
        total = count + sum(masked for _, masked in told)
        if not total:
            return value, 0
        steps = [step for step, _ in told]
        return {**own, "steps": steps, "masked": value.get("masked", 0) + total}, total

    def _counted(self, value: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
        """A payload or a step of it. `sources` of a payload names steps by their ids."""
        if not self._looks_at_all and is_clean(value, MAX_DEPTH):
            return value, 0
        walk = Walk(self.text)
        masked = {
            name: walk.ids(field) if name == "sources" else walk.member(name, field, MAX_DEPTH)
            for name, field in value.items()
        }
        if not walk.count:
            return value, 0
        return {**masked, "masked": value.get("masked", 0) + walk.count}, walk.count

    def _looked_at(self, text: str, count: int) -> tuple[str, int]:
        """What the user's patterns and hook make of it. Where a hook fails, the text is withheld."""
        for pattern in self._patterns:
            places = [match.span() for match in pattern.finditer(text) if match[0]]  # `x*` matches everywhere
            text = replaced(text, [Found(start, end, _EXTRA) for start, end in places])
            count += len(places)
        if self._hook is None:
            return text, count
        try:
            looked_at = self._hook(text)
        except BaseException:  # it is a user's, and may cancel or exit; nothing it has not seen goes out
            return WITHHELD, count + 1
        if not isinstance(looked_at, str):
            return WITHHELD, count + 1
        return looked_at, count + (looked_at != text)


# -- nine of ten spans: nothing is there ---------------------------------------------------------------


def _is_clean_span(span: Span) -> bool:
    """But for its resource, which spans share."""
    return (
        is_clean(span.attributes, MAX_DEPTH)
        and is_clean(span.name, 0)
        and is_clean(span.status_message, 0)
        and is_clean(span.scope.name, 0)
        and is_clean(span.scope.version, 0)
        and all(map(_is_clean_event, span.events))
    )


def _is_clean_event(event: Event) -> bool:
    return (
        is_clean(event.attributes, MAX_DEPTH) and is_clean(event.name, 0) and is_clean(event.body, MAX_DEPTH)
    )


def _patterns(redact: Any) -> tuple[re.Pattern[str], ...]:
    if isinstance(redact, str | bytes | Mapping) or not isinstance(redact, Iterable):
        raise ValueError(f"redact: {_EXPECTED}; got {redact!r:.60}")
    return tuple(_pattern(given) for given in redact)


def _pattern(given: Any) -> re.Pattern[str]:
    if isinstance(given, re.Pattern) and isinstance(given.pattern, str):
        return given
    if not isinstance(given, str) or not given:
        raise ValueError(f"redact: {_EXPECTED}; among the patterns is {given!r:.60}")
    try:
        return re.compile(given)
    except re.error as error:
        raise ValueError(f"redact: {given!r:.60} is no regular expression: {error}") from None
