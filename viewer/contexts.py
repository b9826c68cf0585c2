"""What the templates may say: one frozen record per template, and the records inside it.

Every value is ready to print; a template decides only where it goes. What a page repeats by the thousand
comes as markup (pieces.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from viewer.legible import Draft


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a fact sheet. `extra` qualifies the value."""

    label: str
    value: str
    extra: str = ""
    datetime: str = ""
    """ISO-8601, where the value is a point in time."""
    is_told: bool = True
    token_sum: TokenSum | None = None
    """What the value was added up from."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled point of the time axis."""

    x: str
    label: str
    anchor: str
    """SVG's text-anchor."""


@dataclass(frozen=True, slots=True)
class StepLink:
    """Leads to a row of the timeline."""

    number: int
    name: str
    error_line: str


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the conversation. `from_step` is the number of the step it was taken from; 0: not told."""

    text: Draft
    from_step: int


@dataclass(frozen=True, slots=True)
class TokenSum:
    """Why the trace's tokens are what they are: the steps that make them up, and those left out."""

    counted: Draft
    counted_more: str
    """Counted steps beyond those listed, in words; "" for none."""
    input_tokens: str
    output_tokens: str
    is_sum: bool
    """The listed steps add up to the total; else the trace was sent with another one."""
    left_out: Draft
    left_out_more: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and where. `is_fatal`: the run failed with it."""

    is_fatal: bool
    headline: str
    message: Draft | None
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
    system: Said | None
    prompt: Said | None
    response: Said | None
    notes: tuple[str, ...]
    step_count: str
    shows_tokens: bool
    """Some step tells its tokens, so there is a column for them."""
    ticks: tuple[Tick, ...]
    steps: Draft
    """The timeline's rows and what they unfold to, nested as the steps are."""


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
