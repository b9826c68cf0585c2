"""What a reader wants first: the question, the answer, whose model, how it ended. Chosen from the steps.

Steps come in reading order, so the outermost comes first. Knows no attribute keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tracen_otel.envelopes import strings_in
from tracen_otel.messages import last_text
from tracen_otel.model import Status, Step, StepKind

_SPEAKING = frozenset({StepKind.LLM, StepKind.AGENT, StepKind.CHAIN})
_MODEL = frozenset({StepKind.LLM, StepKind.AGENT})
_ASIDE = frozenset({StepKind.HTTP, StepKind.DB, StepKind.TOOL, StepKind.GUARDRAIL, StepKind.EVALUATION})
_MAX_SPOKEN = 1_000_000
"""Characters up to which texts are compared word by word: a list of words takes ten times their memory."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A text that stands for the whole trace, and the step it is taken from; "" of none where nobody says it."""

    text: str = ""
    step: Step | None = None


_NOTHING = Chosen()


def prompt_of(steps: Sequence[Step], root: Step | None) -> Chosen:
    """The root's own input; else that of the outermost step that speaks; else anything the run was given."""
    if root and root.input and root.kind not in _ASIDE:
        spoken = next((s.input for s in steps if s.kind in _MODEL and s.input), None)
        return Chosen(_leaf_said(root.input, spoken), root)
    asked = [step for step in steps if step.input]
    chosen = _first(asked, _SPEAKING) or _first(asked, set(StepKind) - _ASIDE)
    return Chosen(chosen.input or "", chosen) if chosen else _NOTHING


def response_of(steps: Sequence[Step], root: Step | None) -> Chosen:
    """The root's own output; else the last one of the outermost steps that speak."""
    if root and root.output and root.kind not in _ASIDE:
        last = max((s for s in steps if s.kind in _MODEL and s.output), key=_by_start, default=None)
        return Chosen(_leaf_said(root.output, last.output if last else None), root)
    if _gave_up(steps):
        return _NOTHING
    answered = _outermost([step for step in steps if step.output and step.kind in _SPEAKING], steps)
    last = max(answered, key=_by_start, default=None)
    return Chosen(last.output or "", last) if last else _NOTHING


def system_of(steps: Iterable[Step]) -> Chosen:
    """The system prompt of the first step that has one."""
    said = ((last_text(step.input_messages, "system"), step) for step in steps if step.input_messages)
    return next((Chosen(text, step) for text, step in said if text), _NOTHING)


def model_step(steps: Sequence[Step]) -> Step | None:
    """The step that names the trace's model: the first LLM step that succeeded, else any that tells one."""
    told = [step for step in steps if (step.model or step.provider_name) and step.kind not in _ASIDE]
    return max(told, key=_speaks_for_model, default=None)


def outcome_of(steps: Sequence[Step], root: Step | None) -> tuple[Status, Chosen]:
    """How the run ended, and the message of an error: as its root did; but one whose model failed last failed.

    A failed step that was retried or replaced, or a root that has an answer, does not fail the run.
    """
    unanswered = not (root and root.output) and _gave_up(steps)
    if not ((root and root.status is Status.ERROR) or unanswered):
        return Status.SUCCESS, _NOTHING
    if root and root.error_message:
        return Status.ERROR, Chosen(root.error_message, root)
    told = next((step for step in steps if step.error_message), None)
    return Status.ERROR, Chosen(told.error_message or "", told) if told else _NOTHING


def _leaf_said(text: str, spoken: str | None) -> str:
    """Of JSON that no envelope explains, the string that the model was told or said; else the text."""
    if spoken is None or len(spoken) > _MAX_SPOKEN or not text.startswith(("{", "[")):
        return text
    wanted = spoken.split()
    return next(
        (leaf for leaf in strings_in(text) if len(leaf) <= _MAX_SPOKEN and leaf.split() == wanted), text
    )


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
