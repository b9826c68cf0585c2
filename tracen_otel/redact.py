"""Secrets in spans, log records and payloads are replaced by words that say what stood there.

    [masked: OpenAI key]                     a secret
    [withheld: the redaction hook failed]    a text that a hook of the user's could not look through

What stands in their place holds neither quote nor backslash, so JSON in an attribute stays JSON. What a resource
or a span tells of the machine or of a person is left out without a word. Knows no SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracen_otel.machine import event_without_person, span_without_person, without_machine, without_person
from tracen_otel.model import Attributes, Event, LogRecord, Scope, Span
from tracen_otel.secrets.absence import (
    MAX_CARD,
    MAX_DEPTH,
    MIN_CARD,
    MIN_TEXT,
    SHORT_NAME,
    VALUES_OF_PAIRS,
    is_clean,
)
from tracen_otel.secrets.names import is_flag, is_secret_name, may_be_secret
from tracen_otel.secrets.places import CREDENTIAL, Found
from tracen_otel.secrets.schemas import is_schema, tells_owner, tells_value
from tracen_otel.secrets.search import find
from tracen_otel.secrets.shapes import is_credential, looks_secret

Redact = bool | Callable[[str], str] | Iterable[str | re.Pattern[str]]
"""What a user can give: on or off; a hook that sees each text after the built-in patterns; more patterns."""

WITHHELD = "[withheld: the redaction hook failed]"
_TOO_DEEP = "[withheld: nested too deep]"
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
            text, count = _masked(text, found), len(found)
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
        work = _Work(self)
        name, message = work.text(span.name), work.text(span.status_message)
        attributes, scope = work.mapping(span.attributes), work.scope(span.scope)
        events = work.events(span.events)
        count = work.count
        resource = work.mapping(span.resource)
        if not work.count:
            return span
        return replace(
            span,
            name=name,
            status_message=message,
            attributes=attributes,
            events=events,
            scope=scope,
            resource=resource,
            masked=span.masked + (count if span.parent_id else work.count),
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
        work = _Work(self)
        event = work.event(record.event)
        return replace(record, event=event, masked=record.masked + work.count) if work.count else record

    def json(self, value: Any) -> tuple[Any, int]:
        """A JSON value with the secrets of its texts and names masked, and how many those were."""
        if not self.is_on or (not self._looks_at_all and is_clean(value, MAX_DEPTH)):
            return value, 0
        work = _Work(self)
        return work.value(value, MAX_DEPTH), work.count

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
        work = _Work(self)
        masked = {
            name: work.ids(field) if name == "sources" else work.member(name, field, MAX_DEPTH)
            for name, field in value.items()
        }
        if not work.count:
            return value, 0
        return {**masked, "masked": value.get("masked", 0) + work.count}, work.count

    def _looked_at(self, text: str, count: int) -> tuple[str, int]:
        """What the user's patterns and hook make of it. Where a hook fails, the text is withheld."""
        for pattern in self._patterns:
            places = [match.span() for match in pattern.finditer(text) if match[0]]  # `x*` matches everywhere
            text = _masked(text, [Found(start, end, _EXTRA) for start, end in places])
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


# -- the tenth -----------------------------------------------------------------------------------------


class _Work:
    """One walk through a value: counts what is masked."""

    __slots__ = ("_redaction", "count")

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self.count = 0

    def text(self, text: str) -> str:
        masked, count = self._redaction.text(text)
        self.count += count
        return masked

    def mapping(self, value: Attributes) -> Attributes:
        before = self.count
        masked = self._members(value, MAX_DEPTH)
        return value if self.count == before else masked

    def scope(self, scope: Scope) -> Scope:
        before = self.count
        name, version = self.text(scope.name), self.text(scope.version)
        return scope if self.count == before else Scope(name, version)

    def events(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        before = self.count
        masked = tuple([self.event(event) for event in events])
        return events if self.count == before else masked

    def event(self, event: Event) -> Event:
        before = self.count
        name, attributes = self.text(event.name), self.mapping(event.attributes)
        body = self.value(event.body, MAX_DEPTH)
        if self.count == before:
            return event
        return replace(event, name=name, attributes=attributes, body=body)

    def value(self, value: Any, depth: int) -> Any:
        """A value of any shape. The same object where nothing is found in it."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        if depth == 0:
            self.count += 1
            return _TOO_DEEP
        before = self.count
        if isinstance(value, Mapping):
            members = self._members(value, depth - 1)
            return value if self.count == before else members
        if isinstance(value, list | tuple):
            items = self._items(value, depth - 1)
            return value if self.count == before else items
        return value

    def _items(self, items: Sequence[Any], depth: int) -> list[Any]:
        """The items of a list; among them pairs of a header's name and its value, and words of a command line."""
        are_pairs = all(isinstance(item, list | tuple) and len(item) == 2 for item in items)
        masked: list[Any] = []
        for index, item in enumerate(items):
            if index and isinstance(item, str) and self._is_announced(items, index):
                masked.append(self._named(item, depth))
            elif index and isinstance(item, str) and item[:1] == "-" and "=" in item[:SHORT_NAME]:
                masked.append(self._option(item))
            elif are_pairs and isinstance(item[0], str) and is_secret_name(item[0]):
                masked.append([self.text(item[0]), self.member(item[0], item[1], depth)])
            else:
                masked.append(self.value(item, depth))
        return masked

    def _option(self, item: str) -> str:
        """A word of a command line such as `--password=…`."""
        name, _, value = item.partition("=")
        if not is_flag(name) or not is_credential(value):
            return self.text(item)
        self.count += 1
        return f"{name}={_mask_of(CREDENTIAL)}"

    def _is_announced(self, items: Sequence[Any], index: int) -> bool:
        name, value = items[index - 1], items[index]
        if not isinstance(name, str) or len(name) > SHORT_NAME or value[:1] == "-":
            return False
        if is_flag(name):
            return True
        return len(items) == 2 and is_secret_name(name) and looks_secret(name, value)

    def _members(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {
            self.text(str(name)): self.member(
                _name_in_pair(value, name) if name in VALUES_OF_PAIRS else str(name), item, depth
            )
            for name, item in value.items()
        }

    def member(self, name: str, value: Any, depth: int) -> Any:
        """A value with its name, which may say that it is secret, or an id and no number of a card."""
        if isinstance(value, str | int) and name[-2:].lower() == "id" and str(value).isdigit():
            return value
        if isinstance(value, str | bytes | list | tuple | Mapping):
            if is_secret_name(name):
                return self._named(value, depth)
            if may_be_secret(name):
                return self._named(value, depth, name)
        return self.value(value, depth)

    def ids(self, value: Any) -> Any:
        """Names with ids under them."""
        if not isinstance(value, Mapping):
            return self.value(value, MAX_DEPTH)
        return {self.text(name): self.member("id", item, MAX_DEPTH) for name, item in value.items()}

    def _named(self, value: Any, depth: int, doubtful: str = "") -> Any:
        """What stands under a secret name: it is masked whatever it looks like, unless the name is `doubtful`."""
        if isinstance(value, Mapping | list | tuple) and depth == 0:
            return self.value(value, 0)
        if isinstance(value, Mapping):
            before = self.count
            told = self._members if is_schema(value) else self._members_of_secret
            members = told(value, depth - 1)
            return value if self.count == before else members
        if isinstance(value, list | tuple):
            before = self.count
            items = [self._item_of_secret(item, depth - 1, doubtful) for item in value]
            return value if self.count == before else items
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if not isinstance(text, str) or not (
            looks_secret(doubtful, text) if doubtful else is_credential(text)
        ):
            return self.value(value, depth)
        self.count += 1
        mask = _mask_of(CREDENTIAL)
        return mask if isinstance(value, str) else mask.encode()

    def _item_of_secret(self, value: Any, depth: int, doubtful: str) -> Any:
        """Objects in a list of what may be tokens are pieces of a text, more often than not."""
        if doubtful and isinstance(value, Mapping):
            return self.value(value, depth)
        return self._named(value, depth, doubtful)

    def _members_of_secret(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        """The members of an object under a secret name: `{"value": …}`, `{"bearer": …}`, not who and where."""
        return {
            self.text(str(name)): self._member_of_secret(str(name), item, depth)
            for name, item in value.items()
        }

    def _member_of_secret(self, name: str, value: Any, depth: int) -> Any:
        if is_secret_name(name) or may_be_secret(name) or tells_owner(name):
            return self.member(name, value, depth)
        return self._named(value, depth, "" if tells_value(name) else name)

    def _integer(self, value: int) -> Any:
        if not MIN_CARD <= value < MAX_CARD:
            return value
        text, digits = self.text(str(value)), str(value)
        return value if text == digits else text

    def _bytes(self, value: bytes) -> bytes:
        """Bytes are looked through as the text that they may be."""
        before = self.count
        masked = self.text(value.decode("latin-1"))
        return value if self.count == before else masked.encode("latin-1", "replace")


def _name_in_pair(pair: Mapping[Any, Any], otherwise: str) -> str:
    """The name of a header where it is written as a pair: `{"name": "x-api-key", "value": …}`."""
    name = pair.get("key", pair.get("name"))
    return name if isinstance(name, str) else otherwise


def _masked(text: str, found: Sequence[Found]) -> str:
    pieces: list[str] = []
    at = 0
    for secret in found:
        pieces += (text[at : secret.start], secret.quote, _mask_of(secret.kind), secret.quote)
        at = secret.end
    return "".join((*pieces, text[at:]))


def _mask_of(kind: str) -> str:
    return f"[masked: {kind}]"


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
