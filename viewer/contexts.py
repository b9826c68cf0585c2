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

    href: str
    number: int
    name: str
    error_line: str


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the conversation. `from_step` is the number of the step it was taken from; 0: not told."""

    text: Draft
    from_step: int
    href: str
    """Where that step is."""


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
    cause: str
    """What the step said in which it began, where the run says something else."""
    others: tuple[StepLink, ...]
    """Failed steps beside the origin."""
    others_omitted: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What is set, literally, and what to know about it."""

    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Switch:
    """How to have an instrumentation record content."""

    name: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """Leads elsewhere."""

    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    headline: str
    steps: Draft
    """Rows of the steps, each with where the words stand in it."""
    next_href: str
    """Where the search goes on; "" at its end."""


@dataclass(frozen=True, slots=True)
class TimelinePart:
    """The timeline, or as much of it as one page shows."""

    count: str
    step_count: int
    failures: str
    """The numbers of failed steps."""
    shows_tokens: bool
    """Some step tells its tokens, so there is a column for them."""
    shows_critical: bool
    """Some step waited for another, so there is a path to show."""
    ticks: tuple[Tick, ...]
    minimap: Draft
    rows_query: str
    """What is added to a request for rows, so that they look as these do."""
    span_us: int
    """The whole of the time axis, in microseconds."""
    zoom: str
    """The stretch that is shown, in words; "" for all of it."""
    zoom_out_href: str
    folding: Link | None
    """Shows what is folded away, or folds it away again."""
    query: str
    found: Found | None
    steps: Draft
    """The timeline's rows and what they unfold to, in blocks."""


@dataclass(frozen=True, slots=True)
class OwnerBar:
    """What the owner of a trace is told on its page, and nobody else."""

    state: str
    """Who can see the page, as a sentence."""
    href: str
    """Where that can be changed."""
    is_private: bool


@dataclass(frozen=True, slots=True)
class TracePage:
    """What trace.html shows."""

    title: str
    description: str
    page_url: str
    path: str
    """Of the page, without the server."""
    preview_url: str
    oembed_url: str
    heading: str
    state: str
    """good, bad, live or open."""
    status: str
    is_receiving: bool
    version: int
    """Of the trace, when the page was made."""
    events_url: str
    """Where the page hears that more has arrived; "" where that is not to be expected."""
    facts: tuple[Fact, ...]
    failure: Failure | None
    has_content: bool
    has_model: bool
    """Some model took part, so that there was something to record."""
    switches: tuple[Switch, ...]
    system: Said | None
    prompt: Said | None
    response: Said | None
    text_form: Link
    """Shows texts as Markdown, or as they were sent."""
    notes: tuple[str, ...]
    is_empty: bool
    timeline: TimelinePart
    owner: OwnerBar | None
    """Shown to the owner of the trace alone."""
    is_indexed: bool
    """Search engines may list the page."""


@dataclass(frozen=True, slots=True)
class StepPage:
    """What step.html shows."""

    title: str
    back: Link
    number: int
    kind: str
    name: str
    shows_tokens: bool
    step: Draft
    before: Link | None
    after: Link | None
    text_form: Link


@dataclass(frozen=True, slots=True)
class RowsPage:
    """What rows.html shows: a block of the timeline, for the script of the page."""

    title: str
    shows_tokens: bool
    ticks: tuple[Tick, ...]
    steps: Draft


@dataclass(frozen=True, slots=True)
class EmbedPage:
    """What embed.html shows: a trace in short, within a page of somebody else's."""

    title: str
    page_url: str
    heading: str
    state: str
    status: str
    facts: tuple[Fact, ...]
    note: str
    error: str
    prompt: str
    response: str
    minimap: Draft


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of both traces, ready to print."""

    label: str
    verdict: str
    text: Draft
    is_same: bool
    is_marked: bool
    """It is one text with marks, which want a legend."""
    note: str = ""

    @property
    def verdict_in_line(self) -> str:
        """The verdict after the label: `only in B`, `changed, 85 % alike`."""
        return (
            "only in " + self.verdict[-1]
            if self.verdict.startswith("Only in")
            else f"changed, {self.verdict}"
        )


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One of the two traces: its mark, and what tells it apart."""

    letter: str
    heading: str
    url: str
    is_failed: bool
    status: str
    started: str
    datetime: str
    """ISO-8601; "" where it is not told."""


@dataclass(frozen=True, slots=True)
class Total:
    """A line of the table of totals. `share` is the difference as a part of A."""

    label: str
    a: str
    b: str
    difference: str
    share: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class ComparePage:
    """What compare.html shows."""

    title: str
    runs: tuple[ComparedRun, ComparedRun]
    verdict: str
    notes: tuple[str, ...]
    totals: tuple[Total, ...]
    passages: tuple[Passage, ...]
    census: str
    """How many steps are alike, changed, or in one of the traces only."""
    has_tokens: bool
    steps: Draft
    """Groups of the table's lines."""


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """What waiting.html shows: a run of which nothing has come."""

    title: str
    description: str
    page_url: str
    preview_url: str
    oembed_url: str
    heading: str
    state: str
    status: str
    events_url: str
    version: int
    refresh_s: int
    since: str
    since_iso: str


@dataclass(frozen=True, slots=True)
class MessagePage:
    """What message.html shows."""

    title: str
    status: int
    detail: str
    links: tuple[Link, ...]
    """Where to go from here."""
