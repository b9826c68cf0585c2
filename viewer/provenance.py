"""Where the numbers and words of the first screen come from: which steps they were taken from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tracen_otel.model import Step, StepKind, Trace, Usage
from viewer import pieces, wording
from viewer.contexts import TokenSum
from viewer.legible import Draft, joined
from viewer.steps import row_name, told_usage
from viewer.waterfall import Row

_MAX_LINES = 100
"""Steps that are listed; all others can be seen in the timeline."""

_INNER = "the same tokens as the steps inside it"
_EMBEDDED = "no tokens of an LLM"
_TWICE = "told by another step too"
_FAILED = "failed before it answered"


def numbers_by_id(rows: Sequence[Row]) -> Mapping[str, int]:
    """The number in the timeline of each step that has an id; of two with one id that of the first."""
    number_by_id: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if row.step.id:
            number_by_id.setdefault(row.step.id, number)
    return number_by_id


def token_sum(trace: Trace, rows: Sequence[Row]) -> TokenSum | None:
    """Tell which steps make up the trace's tokens; None where nothing says so, or there is but one step."""
    numbered = list(enumerate(rows, start=1))
    counted = [(number, row.step) for number, row in numbered if row.step.tokens_counted]
    if not counted or len(rows) == 1:
        return None
    holders = _above_counted(rows)
    left_out = [
        _line(number, row.step, _reason(row, holders))
        for number, row in numbered
        if row.step.usage and not row.step.tokens_counted
    ]
    listed = [_line(number, step, "" if step.usage else _FAILED) for number, step in counted[:_MAX_LINES]]
    return TokenSum(
        counted=joined(listed),
        counted_more=_more(len(counted)),
        input_tokens=wording.count(trace.usage.input_tokens),
        output_tokens=wording.count(trace.usage.output_tokens),
        is_sum=_adds_up(trace, [step for _, step in counted]),
        left_out=joined(left_out[:_MAX_LINES]),
        left_out_more=_more(len(left_out)),
    )


def _line(number: int, step: Step, remark: str) -> Draft:
    usage = told_usage(step) if step.usage else Usage(0, 0)
    counts = wording.count(usage.input_tokens), wording.count(usage.output_tokens)
    return pieces.TOKEN_LINE(number, number, row_name(step), remark, *counts)


def _more(length: int) -> str:
    return wording.plural(length - _MAX_LINES, "more step") if length > _MAX_LINES else ""


def _above_counted(rows: Iterable[Row]) -> set[int]:
    """The rows that have a counted step below them, by identity."""
    above: set[int] = set()
    for row in rows:
        parent = row.parent if row.step.tokens_counted else None
        while parent is not None and id(parent) not in above:
            above.add(id(parent))
            parent = parent.parent
    return above


def _reason(row: Row, holders: set[int]) -> str:
    if id(row) in holders:
        return _INNER
    return _EMBEDDED if row.step.kind in (StepKind.EMBEDDING, StepKind.RERANK) else _TWICE


def _adds_up(trace: Trace, steps: Sequence[Step]) -> bool:
    told = [step.usage for step in steps]
    inputs = sum(usage.input_tokens or 0 for usage in told)
    outputs = sum(usage.output_tokens or 0 for usage in told)
    return (trace.usage.input_tokens or 0, trace.usage.output_tokens or 0) == (inputs, outputs)
