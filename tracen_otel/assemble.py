"""Spans → Trace: arrange them, interpret each, choose what stands for the whole.

The result does not depend on the order or number of deliveries. It knows no dialect, clock or wire format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tracen_otel.fields import fitting
from tracen_otel.interpret import Meaning, latency_ns
from tracen_otel.meant import Meant
from tracen_otel.model import LogRecord, Provider, Span, Step, StepKind, Trace
from tracen_otel.providers import provider_of
from tracen_otel.summary import Chosen, model_step, outcome_of, prompt_of, response_of, system_of
from tracen_otel.totals import NO_IDS, counted_steps, total_usage
from tracen_otel.tree import Tree, by_start, grow

_TOLD_AGAIN = "another step tells the same model call; its tokens count once"
_VERSIONS = "arrived in {} differing versions; the one that ended last is shown"

ROOT_MISSING = "The root span has not arrived; the earliest step stands in for it."
PARENTS_MISSING = "Steps at the top level because their parents have not arrived"
"""Notes of a trace. While a run goes on they are ordinary: spans are sent when they end."""


def assemble(spans: Iterable[Span], logs: Iterable[LogRecord] = ()) -> Trace:
    """Make the trace of spans that share a trace id, in any order, with duplicates.

    Raises ValueError without spans, or with several trace ids.
    """
    tree = _tree(spans, logs)
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


def _tree(spans: Iterable[Span], logs: Iterable[LogRecord]) -> Tree:
    spans = list(spans)
    trace_ids = {span.trace_id for span in spans}
    if len(trace_ids) != 1:
        raise ValueError(f"a trace needs spans of one trace id, got {len(trace_ids)} ids")
    return grow(spans, (record for record in logs if record.trace_id in trace_ids))


def _root(tree: Tree) -> Span:
    """The earliest span that names no parent; where none arrived, the earliest whose parent did not."""
    top = [span for span in tree.spans if span.parent_id is None]
    return min([span for span in top if _is_root(span, tree)] or top, key=by_start)


def _is_root(span: Span, tree: Tree) -> bool:
    return span.span_id not in tree.orphans and span.span_id not in tree.cut


def _trace(tree: Tree, root: Span) -> Trace:
    meanings = [Meaning(span) for span in tree.spans]
    whole, counted = _summary(tree, root, meanings)
    steps = _with_counts_told(tuple([meaning.step() for meaning in meanings]), counted)
    return _with_system(replace(whole, steps=_with_their_past(steps, tree)))


@dataclass(frozen=True, slots=True)
class Outline:
    """A trace without steps and system prompt, and its spans in reading order, of which little has been read.

    `orphans` are the parents that spans named and that are not among them, by the spans' ids.
    """

    trace: Trace
    meanings: tuple[Meaning, ...]
    orphans: Mapping[str, str]


def outline(spans: Iterable[Span]) -> Outline:
    """Tell what spans that share a trace id mean as a whole, reading of each what that takes.

    Raises ValueError as `assemble` does.
    """
    tree = _tree(spans, ())
    meanings = tuple([Meaning(span) for span in tree.spans])
    trace, _ = _summary(tree, _root(tree), meanings)
    return Outline(trace, meanings, tree.orphans)


def _summary(tree: Tree, root: Span, meanings: Sequence[Meaning]) -> tuple[Trace, Collection[str]]:
    """The trace without its steps, and the ids of those whose tokens count."""
    told_root = next(meaning for meaning in meanings if meaning.id == root.span_id)
    true_root = told_root if _is_root(root, tree) else None
    ids = {meaning.id: told for meaning in meanings if (told := meaning.response_id)}
    whole, counted = _concluded(meanings, true_root, ids)
    service_name = root.resource.get("service.name")
    trace = replace(
        whole,
        title=told_root.told("title") or told_root.name,
        started_ns=root.start_ns or min((m.start_ns for m in meanings if m.start_ns), default=0),
        latency_ns=_latency_ns(tree, root),
        service_name=service_name if isinstance(service_name, str) else None,
        otel_trace_id=root.trace_id,
        notes=tuple(_notes(tree, root)),
    )
    return trace, counted


def conclude(
    steps: tuple[Step, ...], true_root: Step | None, response_id_by_step: Mapping[str, str] = NO_IDS
) -> Trace:
    """Tell what steps, in reading order, mean as a whole; title, times and identity are the caller's.

    `true_root` is None where no step is known to be the root of the run.
    """
    whole, counted = _concluded(steps, true_root, response_id_by_step)
    return _with_system(replace(whole, steps=_with_counts_told(steps, counted)))


def _concluded(
    steps: Sequence[Meant], true_root: Meant | None, response_id_by_step: Mapping[str, str]
) -> tuple[Trace, Collection[str]]:
    """What steps mean as a whole, and the ids of those whose tokens count."""
    counted = counted_steps(steps, response_id_by_step)
    status, error = outcome_of(steps, true_root)
    speaker = model_step(steps)
    model = Chosen((speaker and speaker.model) or "", speaker)
    chosen = {
        "prompt": prompt_of(steps, true_root),
        "response": response_of(steps, true_root),
        "model": model,
        "error_message": error,
    }
    sources = {name: c.step.id for name, c in chosen.items() if c.step and c.text}
    whole = Trace(
        prompt=chosen["prompt"].text,
        response=chosen["response"].text,
        provider=provider_of(speaker.provider_name, speaker.model) if speaker else Provider.CUSTOM,
        model=model.text,
        status=status,
        provider_name=speaker.provider_name if speaker else None,
        error_message=error.text or None,
        usage=total_usage(counted),
        sources=sources | {"provider": speaker.id} if speaker else sources,
        masked=masked_in(steps),
    )
    return whole, {step.id for step in counted}


def _with_system(trace: Trace) -> Trace:
    system = system_of(trace.steps)
    if not system.step or not system.text:
        return trace
    return replace(trace, system=system.text, sources={**trace.sources, "system": system.step.id})


def masked_in(steps: Iterable[Meant]) -> int:
    """Places in the steps where a secret was masked."""
    return fitting(sum(step.masked for step in steps))


def _with_counts_told(steps: tuple[Step, ...], counted: Collection[str]) -> tuple[Step, ...]:
    """Mark the steps whose tokens make up the trace's; warn at other model calls that tell some.

    That steps of other kinds roll up is nothing odd.
    """
    return tuple([_with_count_told(step, step.id in counted) for step in steps])


def _with_count_told(step: Step, is_counted: bool) -> Step:
    is_told_again = not is_counted and step.kind is StepKind.LLM and bool(step.usage)
    if step.tokens_counted == is_counted and is_told_again == (_TOLD_AGAIN in step.warnings):
        return step
    warnings = tuple(warning for warning in step.warnings if warning != _TOLD_AGAIN)
    return replace(
        step,
        tokens_counted=is_counted,
        warnings=(*warnings, _TOLD_AGAIN) if is_told_again else warnings,
    )


def _with_their_past(steps: tuple[Step, ...], tree: Tree) -> tuple[Step, ...]:
    """Tell of the steps what the tree had to change: parents that have not arrived, differing versions.

    Another telling of the trace may have the parent.
    """
    if not tree.orphans and not tree.versions_by_id:
        return steps
    return tuple([_with_its_past(step, tree) for step in steps])


def _with_its_past(step: Step, tree: Tree) -> Step:
    parent_id, versions = tree.orphans.get(step.id), tree.versions_by_id.get(step.id)
    if parent_id:
        step = replace(step, parent_id=parent_id)
    if versions:
        step = replace(step, warnings=(_VERSIONS.format(versions), *step.warnings))
    return step


def _latency_ns(tree: Tree, root: Span) -> int | None:
    if _is_root(root, tree):
        return latency_ns(root.start_ns, root.end_ns)
    starts = [span.start_ns for span in tree.spans if span.start_ns]
    return latency_ns(min(starts, default=0), max(span.end_ns for span in tree.spans))


def _notes(tree: Tree, root: Span) -> Iterator[str]:
    if root.span_id in tree.orphans:
        yield ROOT_MISSING
    others = tree.orphans.keys() - {root.span_id}
    if others:
        yield f"{PARENTS_MISSING}: {len(others)}."
    if tree.cut:
        yield f"Parent links ran in circles; links cut: {len(tree.cut)}."
