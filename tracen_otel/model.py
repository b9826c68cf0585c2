"""The vocabulary: Span (as told by OpenTelemetry), Step (as meant), Trace (what a page shows).

Plain frozen records. They know nothing of wire formats, dialects, clocks or storage.
Time is integer nanoseconds since the Unix epoch; 0 means "not told".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

Attributes = Mapping[str, Any]
"""Attribute values are what OTel's AnyValue holds: None, str, bool, int, float, bytes, list, dict."""


class SpanKind(IntEnum):
    """As in opentelemetry-proto `trace.proto`, `Span.SpanKind`."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """As in opentelemetry-proto `trace.proto`, `Status.StatusCode`."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Scope:
    """The instrumentation scope that made a span."""

    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A span event, or a log record that named the span it belongs to (then `body` may be set)."""

    name: str
    time_ns: int = 0
    attributes: Attributes = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was told. Ids are lower-case hex: 32 digits for a trace, 16 for a span."""

    trace_id: str
    span_id: str
    name: str
    parent_id: str | None = None
    kind: SpanKind = SpanKind.UNSPECIFIED
    start_ns: int = 0
    end_ns: int = 0
    status: StatusCode = StatusCode.UNSET
    status_message: str = ""
    attributes: Attributes = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    scope: Scope = Scope()
    resource: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    dropped_events: int = 0
    masked: int = 0
    """Places in it where a secret was masked (redact.py)."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log record that belongs to a span: GenAI events and exceptions may arrive this way."""

    trace_id: str
    span_id: str
    event: Event
    masked: int = 0
    position: int = 0
    """Its place in the request that it came in: what has the same time was told in this order."""


class Provider(StrEnum):
    """The closed set of the Tracen payload."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    MISTRAL = "mistral"
    GEMINI = "gemini"
    CUSTOM = "custom"


class StepKind(StrEnum):
    """What a step is to a reader."""

    LLM = "llm"
    AGENT = "agent"
    TOOL = "tool"
    RETRIEVAL = "retrieval"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    GUARDRAIL = "guardrail"
    EVALUATION = "evaluation"
    CHAIN = "chain"
    HTTP = "http"
    DB = "db"
    OTHER = "other"


WORKING_KINDS = frozenset(
    {StepKind.LLM, StepKind.AGENT, StepKind.EMBEDDING, StepKind.RETRIEVAL, StepKind.TOOL}
)
"""Of steps in which a model, an agent or a tool was at work."""


class Status(StrEnum):
    """How a step or a trace ended, in the payload's words."""

    SUCCESS = "success"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message, after the GenAI message JSON (semantic-conventions-genai, client-inference).

    `type` is text, reasoning, tool_call, tool_call_response, media, or a free string.
    text, reasoning: `text`. tool_call: `name`, `id`, `value` (arguments). tool_call_response: `id`,
    `value` (response). media: `text` describes it ("image/png, 12 kB" or a URI), never the bytes.
    Anything else: `value` holds the part as it came.
    """

    type: str
    text: str = ""
    name: str = ""
    id: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `role` is system, user, assistant, tool, or a free string."""

    role: str
    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """The text parts, joined by newlines; "" for a turn that holds tool calls alone."""
        return "\n".join(part.text for part in self.parts if part.type == "text" and part.text)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. None is "not told". Cached tokens are part of input, reasoning tokens part of output."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def __bool__(self) -> bool:
        return self.input_tokens is not None or self.output_tokens is not None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field was read: the dialect whose table said so, and the attribute key it names."""

    dialect: str
    key: str


@dataclass(frozen=True, slots=True)
class Step:
    """A span as it is meant.

    `input` and `output` are what a person would call this step's question and answer, as plain text;
    `input_messages` and `output_messages` the whole conversation where one was told.
    `latency_ns` is None where start and end make no sense. `provider_name` is the raw value. `parent_id` may
    name a step that has not arrived; such a step stands at the top level.
    `scope` names the instrumentation that made the span. `sources` tells for each field where it was read; `unread`
    names the attribute keys that nobody read.
    `tokens_counted` says that this step's tokens are part of the trace's: those of a roll-up are not.
    """

    name: str
    id: str = ""
    parent_id: str | None = None
    scope: str = ""
    kind: StepKind = StepKind.OTHER
    start_ns: int = 0
    latency_ns: int | None = None
    status: Status = Status.SUCCESS
    error_message: str | None = None
    input: str | None = None
    output: str | None = None
    input_messages: tuple[Message, ...] = ()
    output_messages: tuple[Message, ...] = ()
    model: str | None = None
    provider: Provider | None = None
    provider_name: str | None = None
    usage: Usage = Usage()
    attributes: Attributes = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    tokens_counted: bool = False
    masked: int = 0
    """Places in it where a secret was masked."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one page shows. `steps` are in reading order: a parent before its children, siblings by start.

    `title` names the run (its root step). `notes` tell a reader what was odd about the data. `sources` tells
    for prompt, response, system, model, provider and error_message the id of the step it is taken from.
    """

    prompt: str = ""
    response: str = ""
    provider: Provider = Provider.CUSTOM
    model: str = ""
    status: Status = Status.SUCCESS
    steps: tuple[Step, ...] = ()
    title: str = ""
    system: str | None = None
    provider_name: str | None = None
    error_message: str | None = None
    usage: Usage = Usage()
    started_ns: int = 0
    latency_ns: int | None = None
    service_name: str | None = None
    otel_trace_id: str | None = None
    notes: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    masked: int = 0
    """Places where a secret was masked, those of the steps included."""
