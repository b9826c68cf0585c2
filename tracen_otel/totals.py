"""Tokens of a trace: every model call once, however many spans tell of it. Pure arithmetic over steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tracen_otel.fields import fitting
from tracen_otel.meant import Meant
from tracen_otel.model import Status, StepKind, Usage

_NOT_LLM = frozenset({StepKind.EMBEDDING, StepKind.RERANK})
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_M = TypeVar("_M", bound=Meant)
NO_IDS: Mapping[str, str] = {}

_COSTS_NOTHING = Usage(input_tokens=0, output_tokens=0)

_Sums = list[int | None]
"""Input and output tokens of the counted steps below a step; None: no step told any."""


def counted_steps(steps: Sequence[_M], response_id_by_step: Mapping[str, str] = NO_IDS) -> tuple[_M, ...]:
    """Tell whose tokens make up the trace's: the deepest steps that tell any, and model calls above them.

    A step above others is left out where it only rolls them up: where it is no LLM step, or its tokens are
    theirs. Of steps that tell of one response the last to start counts. Embeddings count only where no LLM
    was asked, if need be without telling tokens: that they give none back is known. `steps` are in reading
    order.
    """
    counted = _counted(steps, without=_NOT_LLM)
    if not counted and all(step.kind is not StepKind.LLM for step in steps):
        counted = _counted(steps, without=frozenset()) or tuple(step for step in steps if _embedded(step))
    by_response = {
        response_id_by_step.get(step.id, step.id): step
        for step in sorted(counted, key=lambda step: step.start_ns)
    }
    once = {step.id for step in by_response.values()}
    return tuple(step for step in counted if step.id in once)


def total_usage(steps: Iterable[Meant]) -> Usage:
    """Add up; a count that no step tells stays untold."""
    usages = [_spent(step) for step in steps]
    return Usage(*(_sum(getattr(usage, name) for usage in usages) for name in _COUNTS))


def _counted(steps: Sequence[_M], without: frozenset[StepKind]) -> tuple[_M, ...]:
    """The steps that tell tokens of their own. Every step is looked at once, children before parents."""
    sums_below: dict[str | None, _Sums] = {}
    counted = []
    for step in reversed(steps):
        below = sums_below.pop(step.id, None)
        if _tells_cost(step) and step.kind not in without and not (below and _rolls_up(step, below)):
            spent = _spent(step)
            below = _added(below, [spent.input_tokens, spent.output_tokens])
            counted.append(step)
        if below:
            sums_below[step.parent_id] = _added(sums_below.get(step.parent_id), below)
    return tuple(reversed(counted))


def _added(sums: _Sums | None, more: _Sums) -> _Sums:
    return [_sum(pair) for pair in zip(sums, more, strict=True)] if sums else more


def _rolls_up(step: Meant, below: _Sums) -> bool:
    """Tell whether a step's tokens are those of the counted steps below it."""
    if step.kind is not StepKind.LLM or not step.usage:
        return True
    input_tokens, output_tokens = below
    if step.usage.output_tokens is not None and output_tokens is not None:
        return step.usage.output_tokens == output_tokens  # inputs may differ by cached tokens
    return step.usage.input_tokens == input_tokens


def _tells_cost(step: Meant) -> bool:
    """Tell whether something is known of what a step cost."""
    return bool(step.usage) or _failed_call(step)


def _spent(step: Meant) -> Usage:
    """What a step cost: nothing for a call that failed, no output tokens for an embedding."""
    if _failed_call(step):
        return _COSTS_NOTHING
    usage = step.usage
    if usage.output_tokens is None and step.kind in _NOT_LLM:
        return replace(usage, output_tokens=0)
    return usage


def _failed_call(step: Meant) -> bool:
    """Tell whether a model call failed before it gave anything back, for which nobody reports tokens."""
    if step.usage or step.kind is not StepKind.LLM or step.status is not Status.ERROR:
        return False
    return not (step.output or step.output_messages)


def _embedded(step: Meant) -> bool:
    return step.kind is StepKind.EMBEDDING and step.status is Status.SUCCESS


def _sum(counts: Iterable[int | None]) -> int | None:
    told = [count for count in counts if count is not None]
    return fitting(sum(told)) if told else None
