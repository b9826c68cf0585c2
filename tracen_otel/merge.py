"""Several tellings of one trace become one: posts of different processes, retries, spans beside posts.

Steps are known by their ids; of two with one id the later telling's counts. Knows no store and no wire format.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracen_otel.assemble import PARENTS_MISSING, ROOT_MISSING, conclude, masked_in
from tracen_otel.fields import fitting
from tracen_otel.interpret import response_id_of
from tracen_otel.model import Status, Step, Trace


def merge(tellings: Sequence[Trace]) -> Trace:
    """Make one trace of tellings in order of precedence, the last one first. Raises IndexError without any.

    The last telling alone speaks where it has every step, or where steps have no ids to know them by. What a
    telling says and its steps do not, such as a question that stands in none, is its author's word: it stays.
    """
    last = tellings[-1]
    step_by_id = {step.id: step for telling in tellings for step in telling.steps}
    if "" in step_by_id or len(tellings) == 1 or not step_by_id:
        return last
    is_whole = len(step_by_id) == len({step.id for step in last.steps})
    if is_whole and not any(_speaks(telling, last) for telling in tellings):
        return last
    told_parents = {step.id: step.parent_id for step in step_by_id.values() if step.parent_id}
    steps = _in_reading_order(_placed(step_by_id))
    root = next((step for step in steps if step.id not in told_parents), None)
    whole = _with_words_of(_speakers(tellings, steps[0], root), _concluded(steps, root), root)
    return replace(
        whole,
        steps=tuple(
            replace(step, parent_id=told_parents[step.id])
            if step.parent_id is None and step.id in told_parents
            else step
            for step in whole.steps
        ),
        notes=(*_notes(told_parents, step_by_id, root), *_authors_notes(tellings, step_by_id)),
    )


def _speaks(telling: Trace, last: Trace) -> bool:
    """Tell whether a telling may say what the last one, which has its steps, does not."""
    if telling is last:
        return False
    return not telling.steps or any(getattr(telling, name) and not getattr(last, name) for name in _SPOKEN)


def _concluded(steps: tuple[Step, ...], root: Step | None) -> Trace:
    ids = ((step.id, response_id_of(step)) for step in steps)
    return conclude(steps, root, {step_id: told for step_id, told in ids if told})


# -- words that stand in no step -----------------------------------------------------------------------

_SPOKEN = ("prompt", "response", "model", "system", "usage")
_FRAME = ("title", "started_ns", "latency_ns", "service_name", "otel_trace_id")
_CONCLUDED = (
    "prompt",
    "response",
    "provider",
    "provider_name",
    "model",
    "system",
    "status",
    "error_message",
    "usage",
    "steps",
)


def _speakers(tellings: Sequence[Trace], first: Step, root: Step | None) -> list[Trace]:
    """Who has the first step, who told of the trace without its steps, then the others, the last one first.

    Where no root has come, who told of the whole goes before who told of a part of it.
    """
    has_first = next(t for t in reversed(tellings) if first.id in {s.id for s in t.steps})
    bare = next((t for t in reversed(tellings) if not t.steps), None)
    heads = [has_first] if bare is None else [has_first, bare] if root else [bare, has_first]
    return heads + [t for t in reversed(tellings) if t.steps and t is not has_first]


def _with_words_of(speakers: Sequence[Trace], whole: Trace, root: Step | None) -> Trace:
    """The conclusion from all steps, with what its tellers said and no step says.

    What a telling's own steps lead to is concluded anew; anything else is the teller's word, and stays.
    """
    head = speakers[0]
    for speaker in speakers:
        whole = _with_word_of(speaker, whole, root, speaker is head)
    return replace(
        head,
        **{name: getattr(whole, name) for name in _CONCLUDED},
        **_frame(speakers, whole.steps),
        masked=fitting(whole.masked + max(max(0, t.masked - masked_in(t.steps)) for t in speakers)),
        sources=whole.sources,
    )


def _frame(speakers: Sequence[Trace], steps: Sequence[Step]) -> dict[str, Any]:
    """Title, times and identity, of who has the first step, and of who told of the trace without steps."""
    head = speakers[0]
    framed = [speaker for speaker in speakers[:2] if speaker is head or not head.steps or not speaker.steps]
    frame = {
        name: next((told for s in framed if (told := getattr(s, name))), getattr(head, name))
        for name in _FRAME
    }
    if head.steps and not steps[0].start_ns:  # what its teller says is the start of what was there then
        told_ns = next((s.started_ns for s in framed if not s.steps), 0)
        frame["started_ns"] = told_ns or min((s.start_ns for s in steps if s.start_ns), default=0)
    return frame


def _with_word_of(speaker: Trace, whole: Trace, root: Step | None, is_head: bool) -> Trace:
    """The first speaker's word precedes what steps of others lead to; those of the others fill gaps."""
    names = [name for name in _SPOKEN if getattr(speaker, name) and (is_head or not getattr(whole, name))]
    has_failed = speaker.status is Status.ERROR and whole.status is not Status.ERROR
    if not (names or has_failed or is_head):
        return whole
    own = _concluded(speaker.steps, _root_in(speaker.steps, root))
    spoken = {name: getattr(speaker, name) for name in names if _is_word(name, speaker, own, whole)}
    if "model" in spoken:
        spoken |= {"provider": speaker.provider, "provider_name": speaker.provider_name}
    if speaker.status is not own.status and (is_head or has_failed):
        spoken |= {"status": speaker.status, "error_message": speaker.error_message}
    if not spoken:
        return whole
    known = {name: step_id for name, step_id in speaker.sources.items() if name in spoken}
    kept = {name: step_id for name, step_id in whole.sources.items() if name not in spoken}
    return replace(whole, **spoken, sources=kept | known)


def _is_word(name: str, speaker: Trace, own: Trace, whole: Trace) -> bool:
    """Tell whether a telling says what neither its own steps do, nor those of others do better."""
    told, led_to, concluded = (getattr(trace, name) for trace in (speaker, own, whole))
    if told == led_to:
        return False
    return not concluded or (name != "usage" and (not led_to or led_to == concluded))


def _root_in(steps: Sequence[Step], root: Step | None) -> Step | None:
    """The root of a telling, as whoever told it saw it."""
    own = [step for step in steps if not step.parent_id]
    return next((step for step in own if root and step.id == root.id), own[0] if own else None)


# -- notes ---------------------------------------------------------------------------------------------


def _notes(
    told_parents: Mapping[str, str], step_by_id: Mapping[str, Step], root: Step | None
) -> Iterator[str]:
    """What `assemble` notes of parents that have not arrived, for all tellings together."""
    orphans = sum(parent_id not in step_by_id for parent_id in told_parents.values())
    if orphans and root is None:
        orphans -= 1
        yield ROOT_MISSING
    if orphans:
        yield f"{PARENTS_MISSING}: {orphans}."


def _authors_notes(tellings: Sequence[Trace], step_by_id: Mapping[str, Step]) -> Iterable[str]:
    """The other notes, once, of tellings that no later one replaces as a whole."""
    counting = (t for t in tellings if not t.steps or any(step_by_id[step.id] is step for step in t.steps))
    return dict.fromkeys(
        note for t in counting for note in t.notes if not note.startswith((ROOT_MISSING, PARENTS_MISSING))
    )


# -- the tree ------------------------------------------------------------------------------------------


def _placed(step_by_id: Mapping[str, Step]) -> dict[str, Step]:
    """The steps with the parents that are there alone."""
    return {
        step_id: step
        if step.parent_id is None or step.parent_id in step_by_id
        else replace(step, parent_id=None)
        for step_id, step in step_by_id.items()
    }


def _in_reading_order(step_by_id: Mapping[str, Step]) -> tuple[Step, ...]:
    """Parents before children, siblings by start, then end, then id; what hangs in a circle comes last."""
    children: defaultdict[str | None, list[Step]] = defaultdict(list)
    for step in sorted(step_by_id.values(), key=_by_start, reverse=True):
        children[step.parent_id].append(step)
    ordered: dict[str, Step] = {}
    stack = children[None]
    while stack:
        step = stack.pop()
        ordered[step.id] = step
        stack.extend(children.get(step.id, ()))
    return (*ordered.values(), *(step for step_id, step in step_by_id.items() if step_id not in ordered))


def _by_start(step: Step) -> tuple[float, float, str]:
    """As `tree.by_start` has it of spans: what is untold comes last."""
    return step.start_ns or math.inf, math.inf if step.latency_ns is None else step.latency_ns, step.id
