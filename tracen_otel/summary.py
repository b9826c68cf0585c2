"""What a reader wants first: the question, the answer, whose model, how it ended. Chosen from the steps.

Steps come in reading order, so the outermost comes first. Knows no attribute keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tracen_otel.envelopes import strings_in
from tracen_otel.messages import last_text
from tracen_otel.model import Status, Step, StepKind

_SPEAKING = frozenset({StepKind.LLM, StepKind.AGENT, StepKind.CHAIN})
_MODEL = frozenset({StepKind.LLM, StepKind.AGENT})
_ASIDE = frozenset({StepKind.HTTP, StepKind.DB, StepKind.TOOL, StepKind.GUARDRAIL, StepKind.EVALUATION})


def prompt_of(steps: Sequence[Step]) -> str:
    """The root's own input; else that of the outermost model-related step; else anything the run was given."""
    asked = [step for step in steps if step.input]
    first = steps[0] if steps[0].input and steps[0].kind not in _ASIDE else None
    chosen = first or _first(asked, _SPEAKING) or _first(asked, set(StepKind) - _ASIDE)
    return chosen.input or "" if chosen else ""


def response_of(steps: Sequence[Step]) -> str:
    """The root's own output; else the last one of the outermost steps that speak."""
    root = steps[0]
    if root.output and root.kind not in _ASIDE:
        return root.output
    answered = _outermost([step for step in steps if step.output and step.kind in _SPEAKING], steps)
    return max(answered, key=lambda s: s.start_ns).output or "" if answered else ""


def system_of(steps: Iterable[Step]) -> str | None:
    """The system prompt of the first step that has one."""
    return next((text for step in steps if (text := last_text(step.input_messages, "system"))), None)


def model_step(steps: Sequence[Step]) -> Step | None:
    """The step whose model speaks for the trace: the first LLM step that succeeded, else any with a model."""
    with_model = [step for step in steps if step.model]
    succeeded = [step for step in with_model if step.status is Status.SUCCESS]
    return (
        _first(succeeded, {StepKind.LLM})
        or _first(with_model, {StepKind.LLM})
        or _first(with_model, {StepKind.AGENT})
        or (with_model[0] if with_model else None)
    )


def outcome_of(steps: Sequence[Step], response: str) -> tuple[Status, str | None]:
    """How the run ended. A failed step fails it only at the root, or where a model failed and nothing answered."""
    root = steps[0]
    failed = [step for step in steps if step.status is Status.ERROR]
    if root.status is Status.ERROR:
        return Status.ERROR, next((s.error_message for s in failed if s.error_message), None)
    if not response and any(step.kind in _MODEL for step in failed):
        return Status.ERROR, next((s.error_message for s in failed if s.error_message), None)
    return Status.SUCCESS, None


def _first(steps: Iterable[Step], kinds: Any) -> Step | None:
    return next((step for step in steps if step.kind in kinds), None)


def _outermost(chosen: Sequence[Step], steps: Sequence[Step]) -> list[Step]:
    """Those of the chosen steps that stand under none of the others."""
    ids = {step.id for step in chosen}
    covered: set[str] = set()
    for step in steps:  # parents first
        if step.parent_id in ids or step.parent_id in covered:
            covered.add(step.id)
    return [step for step in chosen if step.id not in covered]


__all__ = ["model_step", "outcome_of", "prompt_of", "response_of", "strings_in", "system_of"]
