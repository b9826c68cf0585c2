"""Tokens of a trace: every model call once, however many spans tell of it. Pure arithmetic over steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tracen_otel.model import Status, Step, StepKind, Usage

_NOT_LLM = frozenset({StepKind.EMBEDDING, StepKind.RERANK})
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
NO_IDS: Mapping[str, str] = {}


def counted_steps(steps: Sequence[Step], response_id_by_step: Mapping[str, str] = NO_IDS) -> tuple[Step, ...]:
    """Tell whose tokens make up the trace's: the deepest steps that tell any, and model calls above them.

    A step above others is left out where it only rolls them up: where it is no LLM step, or its tokens are
    theirs. Of steps that tell of one response the last to start counts. Embeddings count only where no LLM
    tells tokens. `steps` are in reading order.
    """
    counted = _counted(steps, without=_NOT_LLM) or _counted(steps, without=frozenset())
    by_response = {
        response_id_by_step.get(step.id, step.id): step
        for step in sorted(counted, key=lambda step: step.start_ns)
    }
    once = {step.id for step in by_response.values()}
    return tuple(step for step in counted if step.id in once)


def total_usage(steps: Iterable[Step]) -> Usage:
    """Add up; a count that no step tells stays untold."""
    usages = [_spent(step) for step in steps]
    return Usage(*(_sum(getattr(usage, name) for usage in usages) for name in _COUNTS))


def _counted(steps: Sequence[Step], without: frozenset[StepKind]) -> tuple[Step, ...]:
    below: defaultdict[str | None, list[Step]] = defaultdict(list)
    for step in reversed(steps):  # children before parents
        counted = below.pop(step.id, [])
        if step.kind not in without and (step.usage or _failed_call(step)) and not _rolls_up(step, counted):
            counted.append(step)
        below[step.parent_id].extend(counted)
    return tuple(reversed(below[None]))


def _rolls_up(step: Step, counted: Sequence[Step]) -> bool:
    """Tell whether a step's tokens are those of the counted steps below it."""
    if not counted:
        return False
    if step.kind is not StepKind.LLM or not step.usage:
        return True
    total = total_usage(counted)
    if step.usage.output_tokens is not None and total.output_tokens is not None:
        return step.usage.output_tokens == total.output_tokens  # inputs may differ by cached tokens
    return step.usage.input_tokens == total.input_tokens


def _spent(step: Step) -> Usage:
    """What a step cost: nothing for a call that failed, no output tokens for an embedding."""
    if _failed_call(step):
        return Usage(input_tokens=0, output_tokens=0)
    if step.kind in _NOT_LLM and step.usage.output_tokens is None:
        return replace(step.usage, output_tokens=0)
    return step.usage


def _failed_call(step: Step) -> bool:
    """Tell whether a model call failed before it gave anything back, for which nobody reports tokens."""
    gave = step.usage or step.output or step.output_messages
    return step.kind is StepKind.LLM and step.status is Status.ERROR and not gave


def _sum(counts: Iterable[int | None]) -> int | None:
    told = [count for count in counts if count is not None]
    return sum(told) if told else None
