"""Where the numbers and words of the first screen come from: which steps they were taken from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracen_otel.model import Step, StepKind, Trace, Usage
from viewer.labels import row_name, told_usage
from viewer.timeline.waterfall import Row

MAX_LINES = 100
"""Steps that are listed; all others can be seen in the timeline."""

_INNER = "the same tokens as the steps inside it"
_EMBEDDED = "no tokens of an LLM"
_TWICE = "told by another step too"
_FAILED = "failed before it answered"

TokenLine = tuple[int, str, str, int | None, int | None]
"""Number, name, remark, tokens in and out of a step."""


@dataclass(frozen=True, slots=True)
class TokenLines:
    """The steps that make up the trace's tokens, and those that told tokens and were left out."""

    counted: Sequence[TokenLine] = ()
    counted_count: int = 0
    is_sum: bool = False
    left_out: Sequence[TokenLine] = ()
    left_out_count: int = 0


def numbers_of(trace: Trace, rows: Sequence[Row]) -> Mapping[str, int]:
    """For each field of the trace the number of the step it was taken from; of a single step everything comes."""
    if len(rows) <= 1:
        return {}
    wanted = set(trace.sources.values())
    number_by_id: dict[str, int] = {}
    for row in rows:
        if row.step.id in wanted:
            number_by_id.setdefault(row.step.id, row.number)
    return {
        field: number_by_id[step_id] for field, step_id in trace.sources.items() if step_id in number_by_id
    }


def token_lines(trace: Trace, rows: Sequence[Row]) -> TokenLines:
    """Tell which steps make up the trace's tokens; none where nothing says so, or there is but one step."""
    counted = [row for row in rows if row.step.tokens_counted]
    if not counted or len(rows) == 1:
        return TokenLines()
    holders = _above_counted(rows)
    left_out = [row for row in rows if row.step.usage and not row.step.tokens_counted]
    return TokenLines(
        counted=[_line(row, "" if row.step.usage else _FAILED) for row in counted[:MAX_LINES]],
        counted_count=len(counted),
        is_sum=_adds_up(trace, [row.step for row in counted]),
        left_out=[_line(row, _reason(row, holders)) for row in left_out[:MAX_LINES]],
        left_out_count=len(left_out),
    )


def _line(row: Row, remark: str) -> TokenLine:
    usage = told_usage(row.step) if row.step.usage else Usage(0, 0)
    return (row.number, row_name(row.step), remark, usage.input_tokens, usage.output_tokens)


def _above_counted(rows: Iterable[Row]) -> set[int]:
    """The numbers of rows that have a counted step below them."""
    above: set[int] = set()
    for row in rows:
        parent = row.parent if row.step.tokens_counted else None
        while parent is not None and parent.number not in above:
            above.add(parent.number)
            parent = parent.parent
    return above


def _reason(row: Row, holders: set[int]) -> str:
    if row.number in holders:
        return _INNER
    return _EMBEDDED if row.step.kind in (StepKind.EMBEDDING, StepKind.RERANK) else _TWICE


def _adds_up(trace: Trace, steps: Sequence[Step]) -> bool:
    told = [step.usage for step in steps]
    inputs = sum(usage.input_tokens or 0 for usage in told)
    outputs = sum(usage.output_tokens or 0 for usage in told)
    return (trace.usage.input_tokens or 0, trace.usage.output_tokens or 0) == (inputs, outputs)
