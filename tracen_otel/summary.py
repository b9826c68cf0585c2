"""What a reader wants first: the question, the answer, whose model, how it ended. Chosen from the steps.

Steps come in reading order, so the outermost comes first. What is said is asked of as few steps as will do, since
a Meaning reads it only then. Knows no attribute keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tracen_otel.envelopes import strings_in
from tracen_otel.meant import Meant
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
    step: Meant | None = None


_NOTHING = Chosen()


def prompt_of(steps: Sequence[Meant], root: Meant | None) -> Chosen:
    """The root's own input; else that of the outermost step that speaks; else anything the run was given."""
    if root and root.input and root.kind not in _ASIDE:
        spoken = next((s.input for s in steps if s.kind in _MODEL and s.input), None)
        return Chosen(_leaf_said(root.input, spoken), root)
    chosen = _first_asked(steps, _SPEAKING) or _first_asked(steps, set(StepKind) - _ASIDE)
    return Chosen(chosen.input or "", chosen) if chosen else _NOTHING


def response_of(steps: Sequence[Meant], root: Meant | None) -> Chosen:
    """The root's own output; else the last one of the outermost steps that speak."""
    if root and root.output and root.kind not in _ASIDE:
        last = next((s for s in _latest_first(steps, _MODEL) if s.output), None)
        return Chosen(_leaf_said(root.output, last.output if last else None), root)
    if _gave_up(steps):
        return _NOTHING
    cover = _Cover(steps)
    last = next((s for s in _latest_first(steps, _SPEAKING) if s.output and not cover.hides(s)), None)
    return Chosen(last.output or "", last) if last else _NOTHING


def system_of(steps: Iterable[Step]) -> Chosen:
    """The system prompt of the first step that has one."""
    said = ((last_text(step.input_messages, "system"), step) for step in steps if step.input_messages)
    return next((Chosen(text, step) for text, step in said if text), _NOTHING)


def model_step(steps: Sequence[Meant]) -> Meant | None:
    """The step that names the trace's model: the first LLM step that succeeded, else any that tells one."""
    told = [step for step in steps if (step.model or step.provider_name) and step.kind not in _ASIDE]
    first = next((step for step in told if all(_speaks_for_model(step))), None)
    return first or max(told, key=_speaks_for_model, default=None)


def outcome_of(steps: Sequence[Meant], root: Meant | None) -> tuple[Status, Chosen]:
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


def _gave_up(steps: Sequence[Meant]) -> bool:
    """Tell whether the last thing a model was asked failed."""
    last = next(iter(_latest_first(steps, _MODEL)), None)
    return last is not None and last.status is Status.ERROR


def _speaks_for_model(step: Meant) -> tuple[bool, bool, bool, bool]:
    return (
        step.model is not None and step.kind is StepKind.LLM and step.status is Status.SUCCESS,
        step.model is not None and step.kind is StepKind.LLM,
        step.model is not None,
        step.kind is StepKind.LLM,
    )


def _latest_first(steps: Iterable[Meant], kinds: Collection[StepKind]) -> list[Meant]:
    """The steps of these kinds, the last to start first."""
    return sorted((step for step in steps if step.kind in kinds), key=lambda step: -step.start_ns)


def _first_asked(steps: Iterable[Meant], kinds: Collection[StepKind]) -> Meant | None:
    return next((step for step in steps if step.kind in kinds and step.input), None)


class _Cover:
    """Which steps stand under another that speaks and has said something. Every way up is gone once."""

    __slots__ = ("_is_covered", "_step_by_id")

    def __init__(self, steps: Iterable[Meant]) -> None:
        self._step_by_id = {step.id: step for step in steps}
        self._is_covered: dict[str, bool] = {}

    def hides(self, step: Meant) -> bool:
        """Tell of a step. In a circle, which only a stranger's ids make, nothing is above."""
        is_covered = self._is_covered
        way: list[str] = []
        while step.id not in is_covered:
            is_covered[step.id] = False
            way.append(step.id)
            above = self._step_by_id.get(step.parent_id or "")
            if above is None:
                break
            if above.kind in _SPEAKING and above.id not in way[:1] and above.output:
                is_covered[step.id] = True
                break
            step = above
        is_hidden = is_covered[step.id]
        is_covered.update(dict.fromkeys(way, is_hidden))
        return is_hidden
