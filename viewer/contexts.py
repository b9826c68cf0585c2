"""What the templates may say: one frozen record per template, and the records inside it.

Every value is ready to print; a template decides only where it goes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of a trace's text, exactly as sent."""

    text: str
    rest: str = ""
    """How a long text goes on; it is neither shown nor laid out until the reader asks."""
    offer: str = ""
    """What asking shows, in words: `all 48,210 characters`."""
    is_code: bool = False
    """Set in a fixed-width face: JSON, arguments, stack traces."""
    omitted: str = ""
    """How much of it this page leaves out, in words; "" for nothing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a fact sheet. `extra` qualifies the value."""

    label: str
    value: str
    extra: str = ""
    datetime: str = ""
    """ISO-8601, where the value is a point in time."""
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of a message. `form` is text, reasoning, call, result, media or other."""

    form: str
    label: str
    id: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """One turn of a conversation. `form` is system, user, assistant, tool or other."""

    form: str
    role: str
    parts: tuple[PartView, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went into a step, or came out of it: turns where they were told, else a text."""

    label: str
    earlier: tuple[MessageView, ...] = ()
    """Turns before the last few, folded."""
    earlier_count: str = ""
    messages: tuple[MessageView, ...] = ()
    text: Quote | None = None


@dataclass(frozen=True, slots=True)
class AttributeView:
    """A key and its value: a short one as plain `text`, another as `quote`.

    Neither where the step shows the value already, as what `shown_as` names.
    """

    key: str
    text: str = ""
    quote: Quote | None = None
    shown_as: str = ""


@dataclass(frozen=True, slots=True)
class EventView:
    """Something that happened during a step."""

    name: str
    at: str
    attributes: tuple[AttributeView, ...]
    body: Quote | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the time axis, in percent of it."""

    x: str
    width: str
    is_point: bool = False
    """The start is known, the duration is not."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled point of the time axis."""

    x: str
    label: str
    anchor: str
    """SVG's text-anchor."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One row of the timeline and what it unfolds to."""

    number: int
    name: str
    opens_list: bool
    """It is the first child of the row before it."""
    closed_lists: tuple[int, ...]
    """One entry for each level that ended before it."""
    indent: int
    kind: str
    kind_label: str
    model: str
    bar: Bar | None
    duration: str
    tokens: str
    tokens_spoken: str
    is_failed: bool
    error_line: str
    warning_count: str
    error: Quote | None
    exchanges: tuple[Exchange, ...]
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...]
    attributes: tuple[AttributeView, ...]
    events: tuple[EventView, ...]
    sources: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class StepLink:
    """Leads to a row of the timeline."""

    number: int
    name: str
    error_line: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and where. `is_fatal`: the run failed with it."""

    is_fatal: bool
    headline: str
    message: Quote | None
    origin: StepLink | None
    others: tuple[StepLink, ...]
    """Failed steps beside the origin."""
    others_omitted: str


@dataclass(frozen=True, slots=True)
class TracePage:
    """What trace.html shows."""

    title: str
    description: str
    page_url: str
    json_url: str
    heading: str
    is_failed: bool
    status: str
    facts: tuple[Fact, ...]
    failure: Failure | None
    has_content: bool
    has_model: bool
    """Some model took part, so that there was something to record."""
    system: Quote | None
    prompt: Quote | None
    response: Quote | None
    notes: tuple[str, ...]
    step_count: str
    shows_tokens: bool
    """Some step tells its tokens, so there is a column for them."""
    ticks: tuple[Tick, ...]
    steps: tuple[StepView, ...]
    open_lists: tuple[int, ...]
    """One entry for each level still open after the last step."""


@dataclass(frozen=True, slots=True)
class MessagePage:
    """What message.html shows."""

    title: str
    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class HomePage:
    """What home.html shows."""

    title: str
    description: str
    base_url: str
