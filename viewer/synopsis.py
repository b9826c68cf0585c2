"""What the list of traces tells of one, and the words by which it is found. Knows no store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tracen_otel.assemble import ROOT_MISSING
from tracen_otel.model import Provider, StepKind, Trace
from viewer import summary
from viewer.legible import one_line
from viewer.listing import entry_of_summary, entry_of_trace
from viewer.store.catalogue import MAX_LABEL, MAX_TEXT, Outcome, Summary
from viewer.timeline.waterfall import axis_of

_TITLE = 200
_PROMPT, _RESPONSE, _ERROR, _ERRORS, _NAME, _NAMES = 1_400, 1_000, 200, 500, 80, 600
"""Characters of each that are searched: together less than MAX_TEXT."""

_OUTCOME_BY_STATE = {"bad": Outcome.ERROR, "open": Outcome.UNFINISHED}


def summary_of(trace: Trace, meaning: str = "") -> Summary:
    """What the list tells of a trace that was assembled under a meaning."""
    kinds = {step.kind for step in trace.steps}
    told = Summary(
        title=one_line(summary.heading(trace), _TITLE),
        outcome=_OUTCOME_BY_STATE.get(summary.outcome(trace)[0], Outcome.SUCCESS),
        provider=one_line(_provider(trace), MAX_LABEL),
        model=one_line(trace.model, MAX_LABEL),
        kinds=tuple(kind.value for kind in StepKind if kind in kinds and kind is not StepKind.OTHER),
        started_ns=trace.started_ns or _earliest_ns(trace),
        latency_ns=trace.latency_ns,
        input_tokens=trace.usage.input_tokens,
        output_tokens=trace.usage.output_tokens,
        step_count=len(trace.steps),
        first_ns=axis_of(trace).start_ns,
        lacks_root=ROOT_MISSING in trace.notes,
    )
    is_all = entry_of_summary(told) == entry_of_trace(trace)  # not where a model has an endless name
    return replace(told, meaning=meaning) if is_all else told


def _provider(trace: Trace) -> str:
    if trace.provider is not Provider.CUSTOM:
        return trace.provider.value
    return trace.provider_name or (trace.provider.value if trace.model else "")


def _earliest_ns(trace: Trace) -> int:
    return min((step.start_ns for step in trace.steps if step.start_ns), default=0)


def text_of(trace: Trace) -> str:
    """What of a trace is searched."""
    return "\n".join(filter(None, _texts(trace)))[:MAX_TEXT]


def _texts(trace: Trace) -> Iterator[str]:
    yield summary.heading(trace)[:_TITLE]
    yield trace.model[:MAX_LABEL]
    yield (trace.service_name or "")[:_NAME]
    yield trace.prompt[:_PROMPT]
    yield trace.response[:_RESPONSE]
    errors = (trace.error_message, *(step.error_message for step in trace.steps))
    yield _each_once((text for text in errors if text), _ERROR, _ERRORS)
    yield _each_once((step.name for step in trace.steps), _NAME, _NAMES)


def _each_once(texts: Iterable[str], each: int, together: int) -> str:
    """Short texts line by line, a repeated one once, as many as there is room for."""
    seen: dict[str, None] = {}
    size = 0
    for text in texts:
        text = text[:each]
        if text in seen:
            continue
        size += len(text) + 1
        if size > together:
            break
        seen[text] = None
    return "\n".join(seen)
