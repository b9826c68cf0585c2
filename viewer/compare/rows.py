"""The steps of two traces as lines of one table; what is alike is folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tracen_otel.model import Status, Step
from viewer import wording
from viewer.compare import pieces
from viewer.compare.comparison import Aspect, Line, Side
from viewer.compare.texts import exchange, passage
from viewer.compare.words import (
    both,
    both_counts,
    duration_change,
    remarks,
)
from viewer.labels import LABEL_BY_KIND, model_line, row_name
from viewer.legible import Draft, joined, one_line
from viewer.quotes import Quoter

MAX_LINES = 2_000
"""Of the table: more would be megabytes that nobody scrolls through."""
_MIN_FOLDED = 3
_MAX_INDENT = 12
_ERROR_LINE = 160
_MAX_TEXTS = 400_000
"""Characters of changed inputs and outputs that the table marks."""
_BAR = 10_000
"""Units of the longest bar: hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class Table:
    """The groups of the table, and how many lines of each sort it leaves out."""

    groups: Draft
    has_tokens: bool
    left_out: Sequence[Line]


def table(lines: Sequence[Line], a_url: str, b_url: str, quoter: Quoter) -> Table:
    """Lay out the lines, at most `MAX_LINES`: where there are more, first what is alike has no lines."""
    steps = [side.step for line in lines for side in (line.a, line.b) if side]
    has_tokens = any(step.usage for step in steps)
    longest_ns = max((step.latency_ns or 0 for step in steps), default=0)
    writer = _Writer(a_url, b_url, longest_ns, has_tokens, quoter)
    stretches = [(is_alike, list(some)) for is_alike, some in groupby(lines, _Shown(lines).is_folded)]
    stretches = [(is_alike and len(some) >= _MIN_FOLDED, some) for is_alike, some in stretches]
    is_long = len(lines) > MAX_LINES
    groups: list[Draft] = []
    room = MAX_LINES
    left_out: list[Line] = []
    for is_alike, some in stretches:
        if room <= 0:
            left_out += some
        elif is_alike:
            groups.append(writer.alike(some, is_long))
            room -= 1 if is_long else len(some)
        else:
            groups.append(pieces.GROUP(joined(map(writer.line, some[:room]))))
            left_out += some[room:]
            room -= len(some)
    return Table(joined(groups), has_tokens, left_out)


class _Shown:
    """Tells what may be folded: lines alike, but not those under which something changed."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._above: set[int] = set()
        path: list[Line] = []
        for line in lines:
            del path[line.level :]
            path.append(line)
            if not line.is_alike:
                self._above.update(map(id, path))

    def is_folded(self, line: Line) -> bool:
        return id(line) not in self._above


class _Writer:
    """Writes lines that share two addresses, a scale and a set of columns."""

    def __init__(self, a_url: str, b_url: str, longest_ns: int, has_tokens: bool, quoter: Quoter) -> None:
        self._a_url, self._b_url = a_url, b_url
        self._quoter = quoter
        self._text_room = _MAX_TEXTS
        self._longest_ns = longest_ns
        self._has_tokens = has_tokens
        self._columns = 2 + has_tokens  # beside the two numbers

    def alike(self, lines: Sequence[Line], is_long: bool) -> Draft:
        """A stretch where nothing changed: what it holds, and the lines when asked."""
        steps = wording.plural(len(lines), "step")
        numbers = pieces.ALIKE_NUMBERS(
            _numbers([line.a for line in lines]), _numbers([line.b for line in lines])
        )
        if is_long:
            return pieces.ALIKE_LINE(numbers, self._columns, steps)
        return pieces.ALIKE_GROUP(numbers, self._columns, steps, steps, joined(map(self.line, lines)))

    def line(self, line: Line) -> Draft:
        texts = joined(self._changed_texts(line))
        if not texts:
            return self._pair(line)
        return joined((self._pair(line), pieces.TEXTS(self._columns, _indent(line), texts)))

    def _pair(self, line: Line) -> Draft:
        step = line.either.step
        return pieces.LINE(
            step.kind.value,
            _look(line),
            _number(line.a, "A", self._a_url),
            _number(line.b, "B", self._b_url),
            _indent(line),
            step.kind.value,
            row_name(step),
            joined(_words(line)),
            _took(line),
            self._bars(line),
            _tokens(line) if self._has_tokens else pieces.NOTHING,
        )

    def _changed_texts(self, line: Line) -> Iterator[Draft]:
        """Input and output that changed, as marked texts while there is room; else just that they did."""
        for aspect, label in ((Aspect.INPUT, "Input"), (Aspect.OUTPUT, "Output")):
            if aspect in line.differences and line.a and line.b:
                a, b = _text(line.a.step, aspect), _text(line.b.step, aspect)
                self._text_room -= len(a) + len(b)
                room = self._text_room >= 0 and a != b
                found = passage(label, a, b, self._quoter, absent=("Nothing.", "Nothing.")) if room else None
                if found:
                    yield pieces.CHANGED_TEXT(f"{label} {found.verdict_in_line}", found.text)
                else:
                    yield pieces.REMARKS(pieces.REMARK(f"{label} changed"))

    def _bars(self, line: Line) -> Draft:
        bars = [
            piece(self._width(side.step))
            if side and side.step.latency_ns is not None and self._longest_ns > 0
            else pieces.NOTHING
            for side, piece in ((line.a, pieces.BAR_A), (line.b, pieces.BAR_B))
        ]
        return pieces.BARS(*bars) if any(bars) else pieces.NOTHING

    def _width(self, step: Step) -> str:
        units = max(0, step.latency_ns or 0) * _BAR // self._longest_ns
        return f"{max(units, 50) // 100}.{max(units, 50) % 100:02d}%"


def _indent(line: Line) -> int:
    return min(line.level, _MAX_INDENT)


def _look(line: Line) -> str:
    if line.b is None:
        return " is-removed"
    return " is-added" if line.a is None else ""


def _numbers(sides: Sequence[Side | None]) -> str:
    """`12–23`; alike steps that stand together are numbered in a row, but for what is only in the other."""
    numbers = [side.number for side in sides if side]
    return wording.count(numbers[0]) if len(numbers) == 1 else f"{numbers[0]:,}–{numbers[-1]:,}"


def _number(side: Side | None, name: str, url: str) -> Draft:
    if side is None:
        return pieces.NO_NUMBER(name)
    return pieces.NUMBER(url, side.number, side.number, name, wording.count(side.number))


def _words(line: Line) -> Iterator[Draft]:
    """What a line says beside the name."""
    step = line.either.step
    label = LABEL_BY_KIND[step.kind]
    model = "" if Aspect.MODEL in line.differences else model_line(step)
    if label or model:
        yield pieces.KIND(label, " · " if label and model else "", model)
    if line.b is None:
        yield pieces.ONLY_IN_A
    if line.a is None:
        yield pieces.ONLY_IN_B
    yield from _failures(line)
    if told := remarks(line):
        yield pieces.REMARKS(joined(map(pieces.REMARK, told)))


def _text(step: Step, aspect: Aspect) -> str:
    if aspect is Aspect.INPUT:
        return exchange(step.input, step.input_messages)
    return exchange(step.output, step.output_messages)


def _failures(line: Line) -> Iterator[Draft]:
    failed = [(name, side.step) for name, side in (("A", line.a), ("B", line.b)) if side and _failed(side)]
    if not failed:
        return
    is_pair = line.a is not None and line.b is not None
    where = " in both" if len(failed) == 2 else f" in {failed[0][0]}" if is_pair else ""
    yield pieces.FAILED(f"Failed{where}")
    for name, step in failed if Aspect.ERROR in line.differences else failed[-1:]:
        if step.error_message:
            which = f"{name}: " if Aspect.ERROR in line.differences else ""
            yield pieces.ERROR_LINE(which + one_line(step.error_message, _ERROR_LINE))


def _failed(side: Side) -> bool:
    return side.step.status is Status.ERROR


def _took(line: Line) -> Draft:
    times = [side.step.latency_ns for side in (line.a, line.b) if side]
    if line.a is None or line.b is None or times[0] is times[1] is None:
        return pieces.TOOK(wording.duration(times[0]), pieces.NOTHING)
    change = duration_change(times[0], times[1])
    is_notable = " is-notable" if Aspect.DURATION in line.differences else ""
    return pieces.TOOK(
        both(*map(wording.duration, times)),
        pieces.TOOK_CHANGE(is_notable, change) if is_notable and change else pieces.NOTHING,
    )


def _tokens(line: Line) -> Draft:
    usages = [side.step.usage for side in (line.a, line.b) if side]
    first, last = usages[0], usages[-1]
    told: Iterable[str] = (
        both_counts(first.input_tokens, last.input_tokens, "in"),
        both_counts(first.output_tokens, last.output_tokens, "out"),
    )
    return pieces.TOKENS(joined(pieces.TOKEN_LINE(words) for words in told if words))
