"""The first screen of a trace page: what happened, in facts, and what failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracen_otel.model import Status, StepKind, Trace
from tracen_otel.timestamps import format_timestamp
from viewer import wording
from viewer.contexts import Fact, Failure, StepLink
from viewer.legible import clip, one_line
from viewer.pieces import quoted
from viewer.provenance import token_sum
from viewer.quotes import Quoter
from viewer.steps import error_line, provider_label, row_name, token_counts, token_details
from viewer.waterfall import Row, leaves

_HEADING = 100
_DESCRIPTION = 240
_MAX_FAILURES = 5
_MAX_TOOLS = 3


def heading(trace: Trace) -> str:
    """Name the run: its title, else how its prompt begins."""
    return (
        clip(trace.title)
        or one_line(trace.prompt.strip().partition("\n")[0], _HEADING)
        or clip(trace.model)
        or "Untitled trace"
    )


def description(trace: Trace) -> str:
    """One sentence for link previews."""
    told = [
        "Failed" if trace.status is Status.ERROR else "Succeeded",
        f"in {wording.duration(trace.latency_ns)}" if trace.latency_ns is not None else "",
        f"with {trace.model}" if trace.model else "",
    ]
    answer = trace.response or trace.error_message or ""
    return one_line(f"{' '.join(filter(None, told))}. {answer}", _DESCRIPTION)


def has_model(trace: Trace) -> bool:
    """Whether any model took part in the run."""
    kinds = (StepKind.LLM, StepKind.AGENT)
    return bool(trace.model) or any(step.model or step.kind in kinds for step in trace.steps)


def facts(trace: Trace, rows: Sequence[Row]) -> tuple[Fact, ...]:
    """What a reader wants to know first; what is unknown says so."""
    return tuple(_facts(trace, rows))


def _facts(trace: Trace, rows: Sequence[Row]) -> Iterable[Fact]:
    yield Fact("Duration", wording.duration(trace.latency_ns), is_told=trace.latency_ns is not None)
    yield Fact(
        "Model",
        clip(trace.model) or wording.UNKNOWN,
        provider_label(trace.provider, trace.provider_name) if trace.model or trace.provider_name else "",
        is_told=bool(trace.model),
    )
    usage = trace.usage
    yield Fact(
        "Tokens",
        token_counts(usage) if usage else wording.UNKNOWN,
        token_details(usage),
        is_told=bool(usage),
        token_sum=token_sum(trace, rows),
    )
    yield Fact("Steps", wording.count(len(rows)), _census(rows))
    if trace.started_ns:
        yield Fact("Started", *_started(trace.started_ns), format_timestamp(trace.started_ns))
    if trace.service_name:
        yield Fact("Service", clip(trace.service_name))


def _started(time_ns: int) -> tuple[str, str]:
    day, clock = wording.moment(time_ns).split(", ")
    return day, clock


def _census(rows: Sequence[Row]) -> str:
    """`3 LLM calls · 2 tool calls`. A wrapper around LLM calls is none itself."""
    llm_count = sum(1 for _ in leaves(rows, [row for row in rows if row.step.kind is StepKind.LLM]))
    tool_count = sum(1 for row in rows if row.step.kind is StepKind.TOOL)
    counted = ((llm_count, "LLM call"), (tool_count, "tool call"))
    return " · ".join(wording.plural(number, noun) for number, noun in counted if number)


def failure(trace: Trace, rows: Sequence[Row], quoter: Quoter) -> Failure | None:
    """What went wrong and where it began; None for a run without any error."""
    number_by_row = {id(row): number for number, row in enumerate(rows, start=1)}
    origins = list(leaves(rows, [row for row in rows if row.step.status is Status.ERROR]))
    is_fatal = trace.status is Status.ERROR
    if not is_fatal and not origins:
        return None

    def link(row: Row) -> StepLink:
        return StepLink(number_by_row[id(row)], row_name(row.step), error_line(row.step))

    first = _origin(trace, origins) if is_fatal else None
    message = trace.error_message or (first.step.error_message if first else None)
    others = [link(row) for row in origins if row is not first]
    return Failure(
        is_fatal=is_fatal,
        headline="The run failed"
        if is_fatal
        else f"{wording.plural(len(origins), 'step')} failed; the run went on",
        message=quoted(quoter.text(message)) if message else None,
        origin=link(first) if first else None,
        others=tuple(others[:_MAX_FAILURES]),
        others_omitted=wording.plural(len(others) - _MAX_FAILURES, "more")
        if len(others) > _MAX_FAILURES
        else "",
    )


def _origin(trace: Trace, origins: Sequence[Row]) -> Row | None:
    """The failed step that the trace's error was taken from, or the innermost that says the same.

    Else the last: earlier ones were survived.
    """
    named = trace.sources.get("error_message")
    for row in reversed(origins):
        if row.step.id == named and named:
            return row
    for row in reversed(origins):
        if row.step.error_message and row.step.error_message == trace.error_message:
            return row
    return origins[-1] if origins else None
