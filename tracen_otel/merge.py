"""Several tellings of one trace become one: posts of different processes, retries, spans beside posts.

Steps are known by their ids; of two with one id the later telling's counts. Knows no store and no wire format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tracen_otel.assemble import conclude, masked_in
from tracen_otel.interpret import response_id_of
from tracen_otel.model import Step, Trace


def merge(tellings: Sequence[Trace]) -> Trace:
    """Make one trace of tellings in order of precedence, the last one first. Raises IndexError without any.

    The last telling alone speaks where it has every step, or where steps have no ids to know them by.
    """
    last = tellings[-1]
    step_by_id = {step.id: step for telling in tellings for step in telling.steps}
    if "" in step_by_id or len(step_by_id) == len({step.id for step in last.steps}):
        return last
    told_parents = {step.id: step.parent_id for step in step_by_id.values() if step.parent_id}
    steps = _in_reading_order(_placed(step_by_id))
    root = next((step for step in steps if step.id not in told_parents), None)
    told_root = next(t for t in reversed(tellings) if root is None or root.id in {s.id for s in t.steps})
    whole = _with_word_of(told_root, _concluded(steps, root), root)
    return replace(
        whole,
        steps=tuple(
            replace(step, parent_id=told_parents[step.id])
            if step.parent_id is None and step.id in told_parents
            else step
            for step in whole.steps
        ),
    )


def _concluded(steps: tuple[Step, ...], root: Step | None) -> Trace:
    ids = ((step.id, response_id_of(step)) for step in steps)
    return conclude(steps, root, {step_id: told for step_id, told in ids if told})


def _with_word_of(told_root: Trace, whole: Trace, root: Step | None) -> Trace:
    """The conclusion from all steps, with what the telling that has the root said and no step says.

    What its own steps lead to is concluded anew; anything else is the teller's word, and stays.
    """
    own = _concluded(told_root.steps, root)
    spoken = {
        name: value
        for name in ("prompt", "response", "model")
        if not getattr(whole, name) and (value := getattr(told_root, name)) != getattr(own, name)
    }
    if told_root.status is not own.status:
        spoken |= {"status": told_root.status, "error_message": told_root.error_message}
    known = {name: step_id for name, step_id in told_root.sources.items() if name in spoken}
    return replace(
        told_root,
        **{name: getattr(whole, name) for name in _CONCLUDED} | spoken,
        masked=whole.masked + max(0, told_root.masked - masked_in(told_root.steps)),
        sources={k: v for k, v in whole.sources.items() if k not in spoken} | known,
        notes=(),
    )


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


def _placed(step_by_id: Mapping[str, Step]) -> dict[str, Step]:
    """The steps with the parents that are there alone."""
    return {
        step_id: step
        if step.parent_id is None or step.parent_id in step_by_id
        else replace(step, parent_id=None)
        for step_id, step in step_by_id.items()
    }


def _in_reading_order(step_by_id: Mapping[str, Step]) -> tuple[Step, ...]:
    """Parents before children, siblings by start, then id; what hangs in a circle comes last."""
    children: defaultdict[str | None, list[Step]] = defaultdict(list)
    for step in sorted(step_by_id.values(), key=lambda s: (s.start_ns, s.id), reverse=True):
        children[step.parent_id].append(step)
    ordered: dict[str, Step] = {}
    stack = children[None]
    while stack:
        step = stack.pop()
        ordered[step.id] = step
        stack.extend(children.get(step.id, ()))
    return (*ordered.values(), *(step for step_id, step in step_by_id.items() if step_id not in ordered))
