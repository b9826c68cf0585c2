"""Two traces, step beside step: which step of one is which of the other, and what differs between them.

A step is found again by its path: the names and kinds from the root down, and its place among its siblings.
Values in, values out; knows no words of the page and no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

from tracen_otel.model import Message, Status, Step, StepKind, Trace
from viewer.compare.alignment import Pairs, align
from viewer.timeline.waterfall import Row, arrange, leaves

_VOLATILE = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|0x[0-9a-f]+"
    r"|(?=[a-f]*[0-9])[0-9a-f]{8,}"
    r"|(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}"
    r")(?![A-Za-z0-9])|[0-9]+",
    re.IGNORECASE,
)
_NAMED_FOR_MODEL = frozenset({StepKind.LLM, StepKind.EMBEDDING, StepKind.RERANK})
"""`chat gpt-4.1` is `chat gpt-5` of a run with another model."""
_NOTABLE_RATIO = 4
"""Durations differ from a quarter of the shorter on …"""
_NOTABLE_PART = 100
"""… and from a hundredth of the longer run on; less is noise that no two runs are without."""


class Aspect(Enum):
    """What may differ between a step and its counterpart, in the order in which a reader asks."""

    STATUS = 1
    ERROR = 2
    MODEL = 3
    NAME = 4
    INPUT = 5
    OUTPUT = 6
    TOKENS = 7
    DURATION = 8


@dataclass(frozen=True, slots=True)
class Side:
    """A step of one of the traces, with its number on the trace's page."""

    number: int
    step: Step


@dataclass(frozen=True, slots=True)
class Line:
    """A step of A beside the step of B that it is; one of them is None where it has no counterpart."""

    level: int
    a: Side | None
    b: Side | None
    differences: frozenset[Aspect] = frozenset()

    @property
    def is_alike(self) -> bool:
        return self.a is not None and self.b is not None and not self.differences

    @property
    def either(self) -> Side:
        """The step in B, or in A where B has none."""
        return cast("Side", self.b or self.a)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run amounts to. None is "not told"."""

    duration_ns: int | None
    input_tokens: int | None
    output_tokens: int | None
    steps: int
    llm_calls: int
    failures: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """All steps of both traces in reading order, each exactly once. Not `is_exact`: some were aligned in parts."""

    lines: tuple[Line, ...]
    a: Totals
    b: Totals
    is_exact: bool


def compare(a: Trace, b: Trace) -> Comparison:
    """Put each step of A beside its counterpart in B. Order counts: a step that moved is in both alone."""
    rows_a, rows_b = arrange(a.steps), arrange(b.steps)
    aligner = _Aligner(rows_a, rows_b, max(a.latency_ns or 0, b.latency_ns or 0) // _NOTABLE_PART)
    lines = tuple(aligner.lines())
    return Comparison(lines, _totals(a, rows_a), _totals(b, rows_b), aligner.is_exact)


def delta(a: int | None, b: int | None) -> int | None:
    """By how much B exceeds A; None where either is not told."""
    return None if a is None or b is None else b - a


def stable_name(name: str) -> str:
    """A name without what differs in every run: ids and numbers are `#`."""
    return _VOLATILE.sub("#", name)


def _totals(trace: Trace, rows: Sequence[Row]) -> Totals:
    return Totals(
        trace.latency_ns,
        trace.usage.input_tokens,
        trace.usage.output_tokens,
        len(rows),
        sum(1 for _ in leaves([row for row in rows if row.step.kind is StepKind.LLM])),
        sum(row.step.status is Status.ERROR for row in rows),
    )


# -- alignment ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    side: Side
    level: int
    key: str
    children: list[_Node]


def _forest(rows: Sequence[Row]) -> list[_Node]:
    """The roots, with all below them."""
    roots: list[_Node] = []
    node_by_row: dict[int, _Node] = {}
    for number, row in enumerate(rows, start=1):
        key = f"{row.step.kind.value} {stable_name(row.step.name)}"
        node = node_by_row[id(row)] = _Node(Side(number, row.step), row.level, key, [])
        siblings = roots if row.parent is None else node_by_row[id(row.parent)].children
        siblings.append(node)
    return roots


_Couple = tuple[_Node | None, _Node | None]


class _Aligner:
    """Walks two forests at once, without recursion."""

    def __init__(self, rows_a: Sequence[Row], rows_b: Sequence[Row], notable_ns: int) -> None:
        self._roots = _forest(rows_a), _forest(rows_b)
        self._notable_ns = notable_ns
        self.is_exact = True

    def lines(self) -> Iterator[Line]:
        """Depth first; what only A has comes before what only B has in its place."""
        roots_a, roots_b = self._roots
        if len(roots_a) == len(roots_b) == 1:  # each is the run, however it is called
            pending: list[_Couple] = [(roots_a[0], roots_b[0])]
        else:
            pending = self._couples(roots_a, roots_b)[::-1]
        while pending:
            a, b = pending.pop()
            yield self._line(a, b)
            pending += self._couples(a.children if a else [], b.children if b else [])[::-1]

    def _line(self, a: _Node | None, b: _Node | None) -> Line:
        if a and b:
            differences = frozenset(_differences(a.side.step, b.side.step, self._notable_ns))
            return Line(b.level, a.side, b.side, differences)
        return Line(cast("_Node", a or b).level, a.side if a else None, b.side if b else None)

    def _couples(self, a: list[_Node], b: list[_Node]) -> list[_Couple]:
        """Siblings in order: counterparts together, the others alone."""
        if not a or not b:
            return [*((node, None) for node in a), *((None, node) for node in b)]
        by_name = self._aligned([node.key for node in a], [node.key for node in b])
        couples: list[_Couple] = []
        at_a = at_b = 0
        for i, j in [*by_name, (len(a), len(b))]:
            couples += self._gap(a[at_a:i], b[at_b:j])
            if i < len(a):
                couples.append((a[i], b[j]))
            at_a, at_b = i + 1, j + 1
        return couples

    def _gap(self, a: list[_Node], b: list[_Node]) -> Iterator[_Couple]:
        """What has no counterpart by name: model calls find theirs by kind."""
        calls_a, calls_b = _named_for_model(a), _named_for_model(b)
        by_kind = self._aligned(
            [a[i].side.step.kind for i in calls_a], [b[j].side.step.kind for j in calls_b]
        )
        at_a = at_b = 0
        for i, j in [*((calls_a[i], calls_b[j]) for i, j in by_kind), (len(a), len(b))]:
            yield from ((node, None) for node in a[at_a:i])
            yield from ((None, node) for node in b[at_b:j])
            if i < len(a):
                yield a[i], b[j]
            at_a, at_b = i + 1, j + 1

    def _aligned(self, a: Sequence[str], b: Sequence[str]) -> Pairs:
        alignment = align(a, b)
        self.is_exact &= alignment.is_exact
        return alignment.pairs


def _named_for_model(nodes: Sequence[_Node]) -> list[int]:
    return [i for i, node in enumerate(nodes) if node.side.step.kind in _NAMED_FOR_MODEL]


# -- differences --------------------------------------------------------------------------------------


def _differences(a: Step, b: Step, notable_ns: int) -> Iterator[Aspect]:
    if a.status is not b.status:
        yield Aspect.STATUS
    elif a.error_message != b.error_message:
        yield Aspect.ERROR
    if a.model != b.model:
        yield Aspect.MODEL
    if stable_name(a.name) != stable_name(b.name) and not (a.model != b.model and a.kind in _NAMED_FOR_MODEL):
        yield Aspect.NAME
    if a.input != b.input or _said(a.input_messages) != _said(b.input_messages):
        yield Aspect.INPUT
    if a.output != b.output or _said(a.output_messages) != _said(b.output_messages):
        yield Aspect.OUTPUT
    if (a.usage.input_tokens, a.usage.output_tokens) != (b.usage.input_tokens, b.usage.output_tokens):
        yield Aspect.TOKENS
    if _differ_notably(a.latency_ns, b.latency_ns, notable_ns):
        yield Aspect.DURATION


def _said(messages: Iterable[Message]) -> list[object]:
    """What was said, without the ids that every run makes up anew."""
    return [
        (message.role, [(part.type, part.text, part.name, part.value) for part in message.parts])
        for message in messages
    ]


def _differ_notably(a_ns: int | None, b_ns: int | None, notable_ns: int) -> bool:
    if a_ns is None or b_ns is None:
        return a_ns != b_ns
    apart_ns = abs(a_ns - b_ns)
    return apart_ns > 0 and apart_ns >= notable_ns and apart_ns * _NOTABLE_RATIO >= min(a_ns, b_ns)
