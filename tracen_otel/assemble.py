"""Spans → Trace: arrange them, interpret each, choose what stands for the whole.

The result does not depend on the order or number of deliveries. It knows no dialect, clock or wire format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tracen_otel.interpret import interpret, latency_ns
from tracen_otel.model import LogRecord, Provider, Span, Step, StepKind, Trace
from tracen_otel.providers import provider_of
from tracen_otel.summary import model_step, outcome_of, prompt_of, response_of, system_of
from tracen_otel.totals import NO_IDS, counted_steps, total_usage
from tracen_otel.tree import Tree, by_start, grow


def assemble(spans: Iterable[Span], logs: Iterable[LogRecord] = ()) -> Trace:
    """Make the trace of spans that share a trace id, in any order, with duplicates.

    Raises ValueError without spans, or with several trace ids.
    """
    spans = list(spans)
    trace_ids = {span.trace_id for span in spans}
    if len(trace_ids) != 1:
        raise ValueError(f"a trace needs spans of one trace id, got {len(trace_ids)} ids")
    tree = grow(spans, (record for record in logs if record.trace_id in trace_ids))
    return _trace(tree, _root(tree))


def assemble_all(spans: Iterable[Span], logs: Iterable[LogRecord] = ()) -> list[Trace]:
    """Make every trace the spans belong to, in order of their start."""
    spans_by_trace: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        spans_by_trace[span.trace_id].append(span)
    logs_by_trace: defaultdict[str, list[LogRecord]] = defaultdict(list)
    for record in logs:
        logs_by_trace[record.trace_id].append(record)
    traces = [assemble(group, logs_by_trace[trace_id]) for trace_id, group in spans_by_trace.items()]
    return sorted(traces, key=lambda trace: (trace.started_ns, trace.otel_trace_id))


def _root(tree: Tree) -> Span:
    """The earliest span that names no parent; where none arrived, the earliest whose parent did not."""
    top = [span for span in tree.spans if span.parent_id is None]
    return min([span for span in top if _is_root(span, tree)] or top, key=by_start)


def _is_root(span: Span, tree: Tree) -> bool:
    return span.span_id not in tree.orphans and span.span_id not in tree.cut


def _trace(tree: Tree, root: Span) -> Trace:
    meanings = [interpret(span) for span in tree.spans]
    steps = tuple(_with_versions(meaning.step, tree) for meaning in meanings)
    true_root = next(step for step in steps if step.id == root.span_id) if _is_root(root, tree) else None
    service_name = root.resource.get("service.name")
    whole = conclude(steps, true_root, {m.step.id: m.response_id for m in meanings if m.response_id})
    return replace(
        whole,
        steps=tuple(_with_told_parent(step, tree) for step in whole.steps),
        title=next(step.name for step in steps if step.id == root.span_id),
        started_ns=root.start_ns or min((s.start_ns for s in steps if s.start_ns), default=0),
        latency_ns=_latency_ns(tree, root),
        service_name=service_name if isinstance(service_name, str) else None,
        otel_trace_id=root.trace_id,
        notes=tuple(_notes(tree, root)),
    )


def conclude(
    steps: tuple[Step, ...], true_root: Step | None, response_id_by_step: Mapping[str, str] = NO_IDS
) -> Trace:
    """Tell what steps, in reading order, mean as a whole; title, times and identity are the caller's.

    `true_root` is None where no step is known to be the root of the run.
    """
    counted = counted_steps(steps, response_id_by_step)
    status, error_message = outcome_of(steps, true_root)
    speaker = model_step(steps)
    return Trace(
        prompt=prompt_of(steps, true_root),
        response=response_of(steps, true_root),
        provider=provider_of(speaker.provider_name, speaker.model) if speaker else Provider.CUSTOM,
        model=(speaker.model if speaker else None) or "",
        status=status,
        steps=_told_again(steps, counted),
        system=system_of(steps),
        provider_name=speaker.provider_name if speaker else None,
        error_message=error_message,
        usage=total_usage(counted),
    )


def _with_told_parent(step: Step, tree: Tree) -> Step:
    """A parent that has not arrived is still told: another telling of the trace may have it."""
    parent_id = tree.orphans.get(step.id)
    return step if parent_id is None else replace(step, parent_id=parent_id)


def _with_versions(step: Step, tree: Tree) -> Step:
    versions = tree.versions_by_id.get(step.id)
    if not versions:
        return step
    warning = f"arrived in {versions} differing versions; the one that ended last is shown"
    return replace(step, warnings=(*step.warnings, warning))


def _told_again(steps: tuple[Step, ...], counted: tuple[Step, ...]) -> tuple[Step, ...]:
    """Warn at model calls whose tokens another step tells; that other kinds roll up is nothing odd."""
    ids = {step.id for step in counted}
    warning = "another step tells the same model call; its tokens count once"
    return tuple(
        replace(step, warnings=(*step.warnings, warning))
        if step.kind is StepKind.LLM and step.usage and step.id not in ids
        else step
        for step in steps
    )


def _latency_ns(tree: Tree, root: Span) -> int | None:
    if _is_root(root, tree):
        return latency_ns(root.start_ns, root.end_ns)
    starts = [span.start_ns for span in tree.spans if span.start_ns]
    return latency_ns(min(starts, default=0), max(span.end_ns for span in tree.spans))


def _notes(tree: Tree, root: Span) -> Iterator[str]:
    if root.span_id in tree.orphans:
        yield "The root span has not arrived; the earliest step stands in for it."
    others = tree.orphans.keys() - {root.span_id}
    if others:
        yield f"Steps at the top level because their parents have not arrived: {len(others)}."
    if tree.cut:
        yield f"Parent links ran in circles; links cut: {len(tree.cut)}."
