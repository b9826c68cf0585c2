"""One span → one step: the tables of the dialects applied in order, field by field.

Knows what a step needs; which attribute keys say it is the tables' business alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from tracen_otel.attributes import attribute, clean, encode_json, is_cut_json, read_integer
from tracen_otel.dialects import DIALECTS, Reading
from tracen_otel.dialects.otel_genai import OTEL_GENAI
from tracen_otel.dialects.readings import kind_of_model
from tracen_otel.dialects.vocabulary import Chain, VocabularyIndex
from tracen_otel.envelopes import (
    ANSWER,
    QUESTION,
    Side,
    Told,
    open_envelope,
    open_tool_envelope,
    told_messages,
    tool_words,
)
from tracen_otel.messages import read_messages
from tracen_otel.model import Message, Provider, Source, Span, Status, StatusCode, Step, StepKind, Usage
from tracen_otel.providers import provider_of
from tracen_otel.usage import whole

_USAGE_FIELDS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_MODEL_KINDS = frozenset({StepKind.LLM, StepKind.EMBEDDING, StepKind.RERANK, StepKind.AGENT})
_SILENT = Told()
_NO_USAGE = Usage()
_NO_SOURCES: Mapping[str, Source] = {}
_EXPECTED_BY_FIELD = {
    **dict.fromkeys(_USAGE_FIELDS, "a count of tokens"),
    **dict.fromkeys(("model", "provider_name", "tool_name"), "text"),
}
"""Fields that only one type of value can tell; all others show whatever came."""
_MAX_SHOWN = 40

_VOCABULARY = VocabularyIndex(DIALECTS)


class Meaning:
    """What a span means, read field by field when it is asked for: whoever wants a sum pays for no conversation.

    Has the fields of a Step under their names, and `response_id`, by which two tellings of one call are known.
    """

    __slots__ = (
        "_faults",
        "_sources",
        "_values",
        "_vocabulary",
        "answered",
        "asked",
        "error_message",
        "id",
        "kind",
        "model",
        "parent_id",
        "provider_name",
        "response_id",
        "span",
        "start_ns",
        "status",
        "usage",
    )

    kind: StepKind
    model: str | None
    provider_name: str | None
    usage: Usage
    status: Status
    error_message: str | None
    response_id: str | None
    asked: Told
    answered: Told

    def __init__(self, span: Span) -> None:
        self.span: Span = span
        self.id: str = span.span_id
        self.parent_id: str | None = span.parent_id
        self.start_ns: int = span.start_ns
        self._vocabulary = _VOCABULARY.vocabulary_of(span)
        self._values: dict[str, Any] = {}
        self._sources: dict[str, Source] = {}
        self._faults: dict[str, dict[str, str]] = {}

    def __getattr__(self, name: str) -> Any:
        """Read a field the first time it is asked for; it is found without this from then on."""
        read = _READ.get(name)
        if read is None:
            raise AttributeError(name)
        value = read(self)
        setattr(self, name, value)
        return value

    @property
    def name(self) -> str:
        return _name(self.span, self.kind, self.told("tool_name"), self.told("label"))

    @property
    def input(self) -> str | None:
        return self.asked.text

    @property
    def output(self) -> str | None:
        return self.answered.text

    @property
    def masked(self) -> int:
        return self.span.masked

    @property
    def output_messages(self) -> tuple[Message, ...]:
        return self.answered.messages

    @property
    def told_fields(self) -> Collection[str]:
        """The fields that the tables may say something about."""
        return self._vocabulary.chain_by_field.keys()

    def told(self, field: str) -> Any:
        """What the tables say about a field; None where they say nothing."""
        chain = self._vocabulary.chain_by_field.get(field)
        if chain is None:
            return None
        values = self._values
        if field not in values:
            values[field] = self._looked_up(field, chain)
        return values[field]

    def source(self, field: str) -> Source | None:
        """Where a field was read."""
        self.told(field)
        return self._sources.get(field)

    def _looked_up(self, field: str, chain: Chain) -> Any:
        """The first reading of the chain that says something; what is of the wrong type is noted."""
        span, attributes = self.span, self.span.attributes
        for reading, source in chain:
            key = reading.key
            told = attributes.get(key) if reading.find is attribute else reading.find(span, key)
            if told is None:
                continue
            if (value := reading.read(told)) is not None:
                if field == "provider_name" and _is_own_name(value, span):
                    return None
                self._sources[field] = source
                return value
            if field in _EXPECTED_BY_FIELD and _is_of_wrong_type(reading, told):
                fault = f"{key}: expected {_EXPECTED_BY_FIELD[field]}, got {_shown(told)}"
                self._faults.setdefault(field, {})[key] = fault
        return None

    def step(self) -> Step:
        """Answer the step, with everything that was told and where it was read."""
        span, kind, model, provider_name = self.span, self.kind, self.model, self.provider_name
        fields = self._vocabulary.chain_by_field
        for field in fields:
            self.told(field)
        has_provider = (provider_name or model) and kind in _MODEL_KINDS
        sources = {field: self._sources[field] for field in fields if field in self._sources}
        faults: dict[str, str] = {}
        if self._faults:
            for field in fields:
                faults |= self._faults.get(field, {})
        return Step(
            name=self.name,
            id=span.span_id,
            parent_id=span.parent_id,
            scope=span.scope.name,
            kind=kind,
            start_ns=span.start_ns,
            latency_ns=latency_ns(span.start_ns, span.end_ns),
            status=self.status,
            error_message=self.error_message,
            input=self.asked.text,
            output=self.answered.text,
            input_messages=_with_system(self.asked.messages, self.told("system")),
            output_messages=self.answered.messages,
            model=model,
            provider=provider_of(provider_name, model) if has_provider else None,
            provider_name=provider_name,
            usage=self.usage,
            attributes=span.attributes,
            events=span.events,
            warnings=(*_warnings(span), *faults.values()),
            sources=_with_calls_source(sources or _NO_SOURCES, self.answered),
            unread=self._vocabulary.unread,
            tokens_counted=kind is StepKind.LLM and bool(self.usage),  # until the trace says otherwise
            masked=span.masked,
        )


def interpret(span: Span) -> Step:
    """Tell what a span means."""
    return Meaning(span).step()


def response_id_of(step: Step) -> str | None:
    """Tell the id of the response that a step tells of, out of the attribute that its sources name."""
    source = step.sources.get("response_id")
    if source is None:
        return None
    told = step.attributes.get(source.key)
    readings = (r for d in DIALECTS if d.name == source.dialect for r in d.response_id if r.key == source.key)
    return next((value for r in readings if isinstance(value := r.read(told), str)), None)


MAX_LATENCY_NS = 2**63 - 1
"""Beyond, 292 years, an end was never told; databases and the payload hold 64 bits."""


def latency_ns(start_ns: int, end_ns: int) -> int | None:
    """Duration, or None where start and end make no sense."""
    return end_ns - start_ns if 0 < start_ns <= end_ns <= start_ns + MAX_LATENCY_NS else None


# -- looking up ---------------------------------------------------------------------------------------


def _is_own_name(provider_name: Any, span: Span) -> bool:
    """Tell a provider that is the program itself: Strands for JavaScript names its service there."""
    if provider_name not in (span.scope.name, span.resource.get("service.name")):
        return False
    return provider_of(provider_name, None) is Provider.CUSTOM


def _is_of_wrong_type(reading: Reading, told: Any) -> bool:
    """Tell a value of the wrong type from one that says nothing; an object may hold what is looked for."""
    if reading.read is read_integer:
        return bool(told != "")
    return isinstance(told, bool | int | float | list)


def _shown(value: Any) -> str:
    text = encode_json(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


# -- fields -------------------------------------------------------------------------------------------


def _kind(meaning: Meaning) -> StepKind:
    """The kind that was told; but a model that embeds was not asked in words, whatever its span says."""
    told = meaning.told("kind")
    if told is StepKind.LLM and meaning.model and kind_of_model(meaning.model) is StepKind.EMBEDDING:
        return StepKind.EMBEDDING
    return told or StepKind.OTHER


def _name(span: Span, kind: StepKind, tool_name: Any, label: Any) -> str:
    """The span's name, unless a tool's name is missing in it or the dialect tells a better one."""
    if kind is StepKind.TOOL and tool_name and tool_name not in span.name:
        return str(tool_name)
    return clean(str(label or span.name))


def _told(value: Any, side: Side, kind: StepKind) -> Told:
    """The words of one side. A tool's arguments and result stay as they are: nobody asked or answered."""
    if value is None:
        return _SILENT
    is_conversation = isinstance(value, tuple) and all(isinstance(item, Message) for item in value)
    if kind is StepKind.TOOL:
        return Told(tool_words(value) if is_conversation else open_tool_envelope(value))
    return told_messages(value, side) if is_conversation else open_envelope(value, side)


def _with_calls(told: Told, calls: Any) -> Told:
    if not isinstance(calls, list) or not calls:
        return told
    turn = read_messages([{"role": "assistant", "tool_calls": calls}], "assistant")
    parts = tuple(part for message in (*told.messages, *turn) for part in message.parts)
    return replace(told, messages=(Message("assistant", parts),))


def _with_calls_source(sources: Mapping[str, Source], answered: Told) -> Mapping[str, Source]:
    """Where calls are all that was answered, they are the output, and were read where they stand."""
    if "output" in sources or "tool_calls" not in sources or not answered.messages:
        return sources
    return {**sources, "output": sources["tool_calls"]}


def _with_system(messages: tuple[Message, ...], system: Any) -> tuple[Message, ...]:
    if not system or any(message.role == "system" for message in messages):
        return messages
    return (*system, *messages)


def _usage(meaning: Meaning) -> Usage:
    """Counts told one by one win over those in a usage object."""
    fields = meaning.told_fields
    told = {
        field: count
        for field in _USAGE_FIELDS
        if field in fields and (count := meaning.told(field)) is not None
    }
    usage = meaning.told("usage") or _NO_USAGE
    if told:
        usage = Usage(**told) if usage is _NO_USAGE else replace(usage, **told)
    return usage if usage is _NO_USAGE else whole(usage)


def _status(meaning: Meaning) -> Status:
    """As the span's status tells, or what else it tells of a failure."""
    has_failed = meaning.span.status is StatusCode.ERROR or _failed_silently(meaning)
    return Status.ERROR if has_failed else Status.SUCCESS


def _error_message(meaning: Meaning) -> str | None:
    if meaning.status is Status.SUCCESS:
        return None
    return clean(meaning.span.status_message) or meaning.told("error_message")


def _failed_silently(meaning: Meaning) -> bool:
    """Tell a failure that the status does not tell, by an error that was told otherwise.

    A vendor's own verdict holds; an exception or error type that all use, only where nothing was answered.
    Where the status is OK nothing but an exception counts, and only of a step that was asked: LangSmith sets
    OK when a run starts, which the SDK then refuses to change.
    """
    source = meaning.source("failed") or meaning.source("error_message")
    if source is None:
        return False
    answered = meaning.answered
    is_silent = answered.text is None and not answered.messages
    if meaning.span.status is StatusCode.OK:
        has_thrown = any(event.name == "exception" for event in meaning.span.events)
        return has_thrown and is_silent and meaning.asked.text is not None
    return is_silent or source.dialect != OTEL_GENAI.name


def _asked(meaning: Meaning) -> Told:
    return _told(meaning.told("input"), QUESTION, meaning.kind)


def _answered(meaning: Meaning) -> Told:
    return _with_calls(_told(meaning.told("output"), ANSWER, meaning.kind), meaning.told("tool_calls"))


_READ: Mapping[str, Callable[[Meaning], Any]] = {
    "kind": _kind,
    "model": lambda meaning: meaning.told("model"),
    "provider_name": lambda meaning: meaning.told("provider_name"),
    "usage": _usage,
    "status": _status,
    "error_message": _error_message,
    "response_id": lambda meaning: meaning.told("response_id"),
    "asked": _asked,
    "answered": _answered,
}
"""How a field is read when it is asked for."""


def _warnings(span: Span) -> list[str]:
    told = []
    if span.start_ns and span.end_ns and span.end_ns < span.start_ns:
        told.append("ends before it starts")
    if span.dropped_attributes:
        told.append(f"the SDK dropped {span.dropped_attributes} attributes")
    if span.dropped_events:
        told.append(f"the SDK dropped {span.dropped_events} events")
    for key, value in span.attributes.items():
        if "\0" in key:
            told.append(f"{_shown(key)}: a key with a NUL, which nothing is known by")
        if is_cut_json(value):
            told.append(f"{_shown(key)}: JSON that breaks off after {len(value)} characters")
    return told
