"""What a reader wants first: the question, the answer, whose model, how it ended. Chosen from the steps.

Steps come in reading order, so the outermost comes first. Knows no attribute keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tracen_otel.envelopes import strings_in
from tracen_otel.messages import last_text
from tracen_otel.model import Status, Step, StepKind

_SPEAKING = frozenset({StepKind.LLM, StepKind.AGENT, StepKind.CHAIN})
_MODEL = frozenset({StepKind.LLM, StepKind.AGENT})
_ASIDE = frozenset({StepKind.HTTP, StepKind.DB, StepKind.TOOL, StepKind.GUARDRAIL, StepKind.EVALUATION})


def prompt_of(steps: Sequence[Step], root: Step | None) -> str:
    """The root's own input; else that of the outermost step that speaks; else anything the run was given."""
    if root and root.input and root.kind not in _ASIDE:
        return _leaf_said(root.input, next((s.input for s in steps if s.kind in _MODEL and s.input), None))
    asked = [step for step in steps if step.input]
    chosen = _first(asked, _SPEAKING) or _first(asked, set(StepKind) - _ASIDE)
    return (chosen.input if chosen else None) or ""


def response_of(steps: Sequence[Step], root: Step | None) -> str:
    """The root's own output; else the last one of the outermost steps that speak."""
    if root and root.output and root.kind not in _ASIDE:
        last = max((s for s in steps if s.kind in _MODEL and s.output), key=_by_start, default=None)
        return _leaf_said(root.output, last.output if last else None)
    if _gave_up(steps):
        return ""
    answered = _outermost([step for step in steps if step.output and step.kind in _SPEAKING], steps)
    return max(answered, key=_by_start).output or "" if answered else ""


def system_of(steps: Iterable[Step]) -> str | None:
    """The system prompt of the first step that has one."""
    return next((text for step in steps if (text := last_text(step.input_messages, "system"))), None)


def model_step(steps: Sequence[Step]) -> Step | None:
    """The step that names the trace's model: the first LLM step that succeeded, else any that tells one."""
    told = [step for step in steps if step.kind not in _ASIDE and (step.model or step.provider_name)]
    return max(told, key=_speaks_for_model, default=None)


def outcome_of(steps: Sequence[Step], root: Step | None) -> tuple[Status, str | None]:
    """How the run ended: as its root did; but one whose model failed last and that has no answer failed too.

    A failed step that was retried or replaced does not fail the run.
    """
    unanswered = not (root and root.output) and _gave_up(steps)
    if (root and root.status is Status.ERROR) or unanswered:
        own = root.error_message if root else None
        return Status.ERROR, own or next((step.error_message for step in steps if step.error_message), None)
    return Status.SUCCESS, None


def _leaf_said(text: str, spoken: str | None) -> str:
    """Of JSON that no envelope explains, the string that the model was told or said; else the text."""
    if spoken is None or not text.startswith(("{", "[")):
        return text
    wanted = spoken.split()
    return next((leaf for leaf in strings_in(text) if leaf.split() == wanted), text)


def _gave_up(steps: Sequence[Step]) -> bool:
    """Tell whether the last thing a model was asked failed."""
    last = max((step for step in steps if step.kind in _MODEL), key=_by_start, default=None)
    return last is not None and last.status is Status.ERROR


def _speaks_for_model(step: Step) -> tuple[bool, bool, bool, bool]:
    return (
        step.model is not None and step.kind is StepKind.LLM and step.status is Status.SUCCESS,
        step.model is not None and step.kind is StepKind.LLM,
        step.model is not None,
        step.kind is StepKind.LLM,
    )


def _by_start(step: Step) -> int:
    return step.start_ns


def _first(steps: Iterable[Step], kinds: Collection[StepKind]) -> Step | None:
    return next((step for step in steps if step.kind in kinds), None)


def _outermost(chosen: Sequence[Step], steps: Sequence[Step]) -> list[Step]:
    """Those of the chosen steps that stand under none of the others."""
    ids = {step.id for step in chosen}
    covered: set[str] = set()
    for step in steps:
        if step.parent_id in ids or step.parent_id in covered:
            covered.add(step.id)
    return [step for step in chosen if step.id not in covered]
