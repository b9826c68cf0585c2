"""The Markdown form of a trace page: for a chat, an issue, or a model that is asked what went wrong.

As long as the reader allows and no longer. What matters most comes first; what is left out is counted, and the page
has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tracen_otel.model import Status, Step, Trace
from viewer import summary, wording
from viewer.forms.markdown_steps import details, has_details
from viewer.forms.markdown_text import Sheet, inline
from viewer.labels import provider_label, row_name, token_counts, told_usage
from viewer.listing import InvalidQuery
from viewer.quotes import Quoter
from viewer.timeline.outline import outline_of
from viewer.timeline.waterfall import Row, arrange
from viewer.view import View

DEFAULT_MAX_CHARS = 20_000
"""Some 5,000 tokens: enough to judge by, little enough to paste."""
MIN_MAX_CHARS, MAX_MAX_CHARS = 500, 10_000_000

_VIEW = View("")
"""Of the facts only the words are told, and no links."""
_MAX_NAME = 120
_MAX_ERROR_LINE = 160
_MAX_NOTES = 5
_MAX_INDENT = 12
"""Levels that the outline is indented by, as on the page."""
_MIN_DETAILS = 400
"""Characters that the details of one step may take at least, however many there are."""


def parse_max_chars(text: str | None) -> int:
    """How many characters are asked for at most. Raises InvalidQuery."""
    if text is None:
        return DEFAULT_MAX_CHARS
    is_number = text.isascii() and text.isdigit() and len(text) <= 8
    if not (is_number and MIN_MAX_CHARS <= int(text) <= MAX_MAX_CHARS):
        raise InvalidQuery(
            f"max_chars: expected a number from {MIN_MAX_CHARS} to {MAX_MAX_CHARS}, got {text[:40]!r}"
        )
    return int(text)


def render(trace: Trace, *, page_url: str, max_chars: int) -> str:
    """Write the page as Markdown of at most `max_chars` characters, which are 500 or more."""
    rows = arrange(trace.steps)
    page = _Page(trace, rows, page_url, max_chars)
    page.add_head()
    page.add_failure()
    page.add_words()
    page.add_timeline()
    page.add_details()
    return page.text()


_FACTS, _NOTES, _ERROR, _FAILED, _PROMPT, _RESPONSE, _SYSTEM = _PARTS = (
    "facts",
    "notes",
    "the error",
    "failed steps",
    "the prompt",
    "the response",
    "the system prompt",
)
"""What is left out as a whole, each at most once; steps are counted."""


@dataclass(slots=True)
class _LeftOut:
    """What the page has and this form has not, in words."""

    parts: list[str] = field(default_factory=list)
    timeline: int = 0
    details: int = 0

    def words(self) -> str:
        told = list(self.parts)
        if self.timeline:
            told.append(f"{wording.plural(self.timeline, 'step')} of the timeline")
        if self.details:
            told.append(f"the details of {wording.plural(self.details, 'step')}")
        return ", ".join(told)


class _Page:
    """The form while it is written: each part takes what is left of the limit, or its share of that."""

    def __init__(self, trace: Trace, rows: Sequence[Row], page_url: str, max_chars: int) -> None:
        self._trace = trace
        self._rows = rows
        self._outline = outline_of(trace, rows)
        self._max_chars = max_chars
        self._where = f"<{page_url}>" if len(page_url) <= max_chars // 5 else "the page"
        self._left_out = _LeftOut()
        longest = _LeftOut([*_PARTS], len(rows), len(rows))
        self._sheet = Sheet(max_chars - len(self._closing(longest)) - 1)
        self._name = max(20, min(_MAX_NAME, max_chars // 25))

    def text(self) -> str:
        """All of it, with what is left out at the end."""
        return f"{self._sheet.text()}\n\n{self._closing(self._left_out)}\n"

    def _closing(self, left_out: _LeftOut) -> str:
        words = left_out.words()
        return f"*Left out here: {words}. All of it:* {self._where}" if words else f"*From* {self._where}"

    # -- parts, in order ------------------------------------------------------------------------------

    def add_head(self) -> None:
        """Title, status and facts; the latter in half of the room, since errors and words come after them."""
        self._sheet.add(f"# {inline(summary.heading(self._trace), self._name)}")
        failed = self._trace.status is Status.ERROR
        lines = [f"- Status: {'**failed**' if failed else 'succeeded'}", *self._facts()]
        room = max(self._sheet.left // 2, len(lines[0]))
        while sum(len(line) + 1 for line in lines[1:]) + len(lines[0]) > room:
            lines.pop()
            self._left_out.parts = [_FACTS]
        self._sheet.add("\n".join(lines))
        notes = [f"- Note: {inline(note, 2 * self._name)}" for note in self._trace.notes[:_MAX_NOTES]]
        if self._trace.masked:
            notes.insert(0, f"- Note: {wording.masked(self._trace.masked)}")
        if len(self._trace.notes) > _MAX_NOTES or (notes and not self._sheet.add("\n".join(notes))):
            self._left_out.parts.append(_NOTES)

    def _facts(self) -> Iterator[str]:
        for fact in summary.facts(self._trace, self._outline, _VIEW):
            if fact.is_told:
                extra = f" ({inline(fact.extra, max(self._name, 60))})" if fact.extra else ""
                yield f"- {fact.label}: {inline(fact.value, self._name)}{extra}"

    def add_failure(self) -> None:
        """What went wrong, and in which step."""
        failure = summary.failure(self._trace, self._outline, _VIEW, Quoter())
        if failure is None:
            return
        origin = failure.origin
        step = self._rows[origin.number - 1].step if origin else None
        message = self._trace.error_message or (step and step.error_message) or ""
        label = f"## {failure.headline}"
        if origin and failure.cause:
            where = f"It began in step {origin.number}, {inline(origin.name, self._name)}"
            label += f"\n\n{where}: {inline(failure.cause, self._name)}"
        elif origin:
            label += f"\n\nIn step {origin.number}, {inline(origin.name, self._name)}:"
        others = [
            f"- Step {other.number}, {inline(other.name, self._name)}: {inline(other.error_line, self._name)}"
            for other in failure.others
        ]
        others += [f"- {failure.others_omitted}"] if failure.others_omitted else []
        share = max(self._sheet.left // 5, 200)
        if not (self._sheet.add_quote(label, message, share) if message else self._sheet.add(label)):
            self._left_out.parts.append(_ERROR)
        if others and not self._sheet.add("\n".join(others)):
            self._left_out.parts.append(_FAILED)

    def add_words(self) -> None:
        """What was asked and answered, and under which instructions; each in its share of what is left."""
        words = (
            ("Prompt", _PROMPT, self._trace.prompt, 3),
            ("Response", _RESPONSE, self._trace.response, 4),
            ("System", _SYSTEM, self._trace.system, 1),
        )
        weight_left = sum(weight for _, _, text, weight in words if text) + (8 if self._rows else 0)
        for title, name, text, weight in words:
            if not text:
                continue
            share = self._sheet.left * weight // weight_left
            weight_left -= weight
            number = self._outline.numbers.get(title.lower())
            label = f"## {title}" + (f" (step {number})" if number else "")
            if not self._sheet.add_quote(label, text, share):
                self._left_out.parts.append(name)

    def add_timeline(self) -> None:
        """Every step as a line below the one that it is part of, until the share is spent."""
        if not self._rows:
            return
        will_have_details = any(has_details(row.step) for row in self._rows)
        room = self._sheet.left * 3 // 5 if will_have_details else self._sheet.left
        lines = ["## Timeline\n"]
        room -= len(lines[0]) + 3
        for number, row in enumerate(self._rows, start=1):
            line = self._line(number, row)
            if len(line) + 1 > room:
                self._left_out.timeline = len(self._rows) - number + 1
                break
            room -= len(line) + 1
            lines.append(line)
        if len(lines) > 1:
            self._sheet.add("\n".join(lines))

    def _line(self, number: int, row: Row) -> str:
        told = " · ".join(filter(None, self._remarks(row.step)))
        name = inline(row_name(row.step), self._name)
        return f"{'  ' * min(row.level, _MAX_INDENT)}- **{number}.** {name} — {told}"

    def _remarks(self, step: Step) -> Iterator[str]:
        yield step.kind.value
        yield inline(step.model or "", self._name)
        yield inline(provider_label(step.provider, step.provider_name), self._name)
        yield wording.duration(step.latency_ns) if step.latency_ns is not None else ""
        usage = told_usage(step)
        yield f"tokens: {token_counts(usage).replace(' · ', ', ')}" if usage else ""
        if step.status is Status.ERROR:
            error = inline(step.error_message or "", min(_MAX_ERROR_LINE, 2 * self._name))
            yield f"**failed**: {error}" if error else "**failed**"

    def add_details(self) -> None:
        """What went into and came out of the steps, each in its share of what is left."""
        told = [(number, row.step) for number, row in enumerate(self._rows, 1) if has_details(row.step)]
        title = "## Steps"
        for index, (number, step) in enumerate(told):
            waiting = len(told) - index
            room = self._sheet.left - len(title) - 4
            block = details(number, step, min(room, max(_MIN_DETAILS, 2 * room // waiting)))
            if not block or not self._sheet.add(f"{title}\n\n{block}" if title else block):
                self._left_out.details = waiting
                return
            title = ""
