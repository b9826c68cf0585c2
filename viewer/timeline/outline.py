"""What the page of a trace tells of all steps together, in values that can be saved: no step is needed to print it.

An `Entry` is what a row of the timeline says of its step. The `Outline` holds what concerns the whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from zlib import crc32

from tracen_otel.assemble import ROOT_MISSING
from tracen_otel.model import Status, Step, StepKind, Trace
from viewer import provenance
from viewer.labels import error_line, model_line, row_name, told_usage
from viewer.legible import clip
from viewer.provenance import TokenLine
from viewer.timeline.critical import Stretch, critical_path
from viewer.timeline.folds import MAX_INLINE_FOLD, blocks_of, folds_of
from viewer.timeline.minimap import lanes_of
from viewer.timeline.waterfall import Axis, Row, axis_of, gaps_of, leaves, sizes_of

MAX_FAILURES = 1_000
"""Failed steps that the outline names: enough to walk through."""
MAX_DIALECTS = 8
MAX_MESSAGE = 20_000
"""Characters of an error that the first screen repeats; the step has all of it."""
_LEAST_GAP_NS = 20_000_000
_LEAST_GAP_SHARE = 25
"""A gap is told from a twenty-fifth of the whole time on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A step as a row tells it. Times are nanoseconds, `offset_ns` from the axis' start; None is "not told"."""

    number: int
    key: str
    """The same while more of the trace arrives; numbers are not."""
    level: int
    size: int
    """How many steps hang under it."""
    fold: int
    """How many rows from this one on are folded away at first; 0 for none."""
    name: str
    kind: str
    model: str
    is_failed: bool
    error_line: str
    warning_count: int
    offset_ns: int | None
    latency_ns: int | None
    input_tokens: int | None
    output_tokens: int | None
    gap_ns: int
    """Time before it in which nothing beside it ran; 0 for none that is worth telling."""
    critical: Sequence[int]
    """Its stretches of the critical path: offset, length, offset, length …"""

    def encoded(self) -> list[object]:
        """As it is saved."""
        return [getattr(self, name) for name in _ENTRY]


_ENTRY = tuple(field.name for field in fields(Entry))


def entries_of(rows: Sequence[Row], axis: Axis) -> Iterator[Entry]:
    """Each row in short."""
    gaps = gaps_of(rows, max(_LEAST_GAP_NS, axis.span_ns // _LEAST_GAP_SHARE))
    path: Mapping[int, Sequence[Stretch]] = critical_path(rows) if len(rows) > 1 else {}
    sizes = sizes_of(rows)
    folds = dict(folds_of(rows, sizes))
    for row, size in zip(rows, sizes, strict=True):
        step, usage = row.step, told_usage(row.step)
        stretches = path.get(row.number, ())
        yield Entry(
            number=row.number,
            key=f"{crc32(step.id.encode('utf-8', 'replace')):08x}" if step.id else "",
            level=row.level,
            size=size,
            fold=folds.get(row.number, 0),
            name=row_name(step),
            kind=step.kind.value,
            model=model_line(step),
            is_failed=step.status is Status.ERROR,
            error_line=error_line(step) if step.status is Status.ERROR else "",
            warning_count=len(step.warnings),
            offset_ns=step.start_ns - axis.start_ns if step.start_ns else None,
            latency_ns=step.latency_ns,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            gap_ns=gaps.get(row.number, 0),
            critical=[n for start, end in stretches for n in (start - axis.start_ns, end - start)],
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """A trace as a whole. Steps are named by their number, from 1 in reading order."""

    step_count: int
    axis_start_ns: int
    axis_span_ns: int
    llm_count: int
    tool_count: int
    shows_tokens: bool
    has_model: bool
    lacks_root: bool
    """The span that all others hang under has not arrived."""
    numbers: Mapping[str, int]
    """For a field of the trace the step it was taken from."""
    counted: Sequence[TokenLine]
    counted_count: int
    is_sum: bool
    """The counted steps add up to the trace's tokens."""
    left_out: Sequence[TokenLine]
    left_out_count: int
    origin: int
    """The step in which a failed run's failure began; 0 for none."""
    failures: Sequence[tuple[int, str, str]]
    """Number, name and error of failed steps none of whose own steps failed."""
    failure_count: int
    origin_message: str
    """The origin's own error, which stands in where the trace has none."""
    blocks: Sequence[int]
    """The steps with which each BLOCK_LINES lines of the timeline begin, a fold counting as one line."""
    long_folds: Sequence[tuple[int, int]]
    """First step and length of the folds that are no part of a block, but have blocks of their own."""
    folded_count: int
    skewed_count: int
    """Steps that begin before the step they are part of."""
    skew_ns: int
    lanes: Sequence[Sequence[int | str]]
    """The minimap, see there."""
    dialects: Sequence[str]
    """Whose words the steps were told in, commonest first."""
    scopes: Sequence[str]
    """The instrumentation scopes that made them, commonest first."""

    @property
    def axis(self) -> Axis:
        return Axis(self.axis_start_ns, self.axis_span_ns)

    def encoded(self) -> bytes:
        """As it is saved."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, body: bytes) -> Outline:
        """The reverse of `encoded`."""
        return cls(**json.loads(body))


def outline_of(trace: Trace, rows: Sequence[Row]) -> Outline:
    """Look over all steps of a trace, once."""
    axis = axis_of(trace)
    failed = list(leaves([row for row in rows if row.step.status is Status.ERROR]))
    origin = _origin(trace, failed) if trace.status is Status.ERROR else None
    skews = [skew for row in rows if (skew := _skew_ns(row)) > 0]
    tokens = provenance.token_lines(trace, rows)
    folds = folds_of(rows, sizes_of(rows))
    return Outline(
        step_count=len(rows),
        axis_start_ns=axis.start_ns,
        axis_span_ns=axis.span_ns,
        # A wrapper around LLM calls is none itself.
        llm_count=sum(1 for _ in leaves([row for row in rows if row.step.kind is StepKind.LLM])),
        tool_count=sum(row.step.kind is StepKind.TOOL for row in rows),
        shows_tokens=any(row.step.usage for row in rows),
        has_model=_has_model(trace),
        lacks_root=ROOT_MISSING in trace.notes,
        numbers=provenance.numbers_of(trace, rows),
        counted=tokens.counted,
        counted_count=tokens.counted_count,
        is_sum=tokens.is_sum,
        left_out=tokens.left_out,
        left_out_count=tokens.left_out_count,
        origin=origin.number if origin else 0,
        failures=[(row.number, row_name(row.step), error_line(row.step)) for row in failed[:MAX_FAILURES]],
        failure_count=len(failed),
        origin_message=(origin.step.error_message or "")[:MAX_MESSAGE]
        if origin and not trace.error_message
        else "",
        blocks=blocks_of(len(rows), folds),
        long_folds=[fold for fold in folds if fold[1] > MAX_INLINE_FOLD],
        folded_count=sum(count for _, count in folds),
        skewed_count=len(skews),
        skew_ns=max(skews, default=0),
        lanes=lanes_of(rows, axis),
        dialects=_commonest(dialect for row in rows for dialect in _dialects_of(row.step)),
        scopes=_commonest(row.step.scope for row in rows if row.step.scope),
    )


def _origin(trace: Trace, failed: Sequence[Row]) -> Row | None:
    """The failed step that the trace's error was taken from, or the innermost that says the same.

    Else the last: earlier ones were survived.
    """
    named = trace.sources.get("error_message")
    for row in reversed(failed):
        if row.step.id == named and named:
            return row
    for row in reversed(failed):
        if row.step.error_message and row.step.error_message == trace.error_message:
            return row
    return failed[-1] if failed else None


def _has_model(trace: Trace) -> bool:
    """Whether any model took part in the run."""
    kinds = (StepKind.LLM, StepKind.AGENT)
    return bool(trace.model) or any(step.model or step.kind in kinds for step in trace.steps)


def _skew_ns(row: Row) -> int:
    """How long a step began before the one it is part of: then their clocks differ."""
    if row.parent is None or not row.step.start_ns or not row.parent.step.start_ns:
        return 0
    return row.parent.step.start_ns - row.step.start_ns


def _commonest(names: Iterable[str]) -> list[str]:
    return [clip(name) for name, _ in Counter(names).most_common(MAX_DIALECTS)]


def _dialects_of(step: Step) -> Iterable[str]:
    """Each once, in an order that is the same in every process."""
    return dict.fromkeys(source.dialect for source in step.sources.values())
