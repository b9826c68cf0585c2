"""What was said in two traces, as one text with its changes marked, or as two where they have little in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tracen_otel.model import Message, Part
from tracen_otel.payload import json_value
from viewer import wording
from viewer.compare import pieces
from viewer.compare.difference import Change, Difference, Run, difference
from viewer.contexts import Passage
from viewer.legible import Draft, joined
from viewer.pieces import quoted
from viewer.quotes import Quoter, layout

_MIN_LIKENESS = 0.35
"""Below, marks on nearly every word are harder to read than two texts."""
_ONE_SIDED = ("Only in A", "Only in B")
_CONTEXT_LINES = 3
_MIN_FOLDED_LINES = 8


def passage(label: str, a: str, b: str, quoter: Quoter, *, absent: tuple[str, str]) -> Passage | None:
    """Compare a text of both, None where neither tells it; `absent` stands for one that is not told."""
    if not a and not b:
        return None
    if a == b:
        return Passage(
            label, f"The same {label.lower()}", quoted(quoter.text(a)), is_same=True, is_marked=False
        )
    found = difference(a, b)
    if a and b and found.likeness >= _MIN_LIKENESS:
        note = _note(found)
        return Passage(label, _verdict(a, b, found), _marked(found.runs), False, is_marked=True, note=note)
    sides = [
        quoted(quoter.text(text)) if text else pieces.ABSENT(instead)
        for text, instead in zip((a, b), absent, strict=True)
    ]
    return Passage(label, _verdict(a, b, found), pieces.BESIDE(*sides), is_same=False, is_marked=False)


def _verdict(a: str, b: str, found: Difference) -> str:
    if not a or not b:
        return _ONE_SIDED[bool(b)]
    return f"{_percent(found.likeness)} alike"


def _percent(likeness: float) -> str:
    """As far as two texts that differ: never all, and none only where nothing is the same."""
    percent = min(99, round(100 * likeness))
    return f"{percent} %" if percent or not likeness else "<1 %"


def _note(found: Difference) -> str:
    how = []
    if not found.is_by_words:
        how.append("The texts are long: where they differ at length, whole lines are marked.")
    if found.left_out:
        how.append(
            f"The last {wording.plural(found.left_out, 'character')} are neither compared nor shown here."
        )
    return " ".join(how)


def _marked(runs: tuple[Run, ...]) -> Draft:
    return pieces.DIFF(joined(draft for at, run in enumerate(runs) for draft in _run(run, at, len(runs))))


def _run(run: Run, at: int, count: int) -> Iterable[Draft]:
    if run.change is Change.REMOVED:
        return (pieces.REMOVED(run.text),)
    if run.change is Change.ADDED:
        return (pieces.ADDED(run.text),)
    return _same(run.text, at == 0, at == count - 1)


def _same(text: str, is_first: bool, is_last: bool) -> Iterator[Draft]:
    """A run that both have: a few lines around the changes, and the others folded."""
    lines = text.splitlines(keepends=True) if "\n" in text else [text]
    start = 0 if is_first else _CONTEXT_LINES
    end = len(lines) if is_last else len(lines) - _CONTEXT_LINES
    if end - start < _MIN_FOLDED_LINES:
        yield pieces.SAME(text)
        return
    yield pieces.SAME("".join(lines[:start]))
    yield pieces.FOLDED(wording.plural(end - start, "line"), "".join(lines[start:end]))
    yield pieces.SAME("".join(lines[end:]))


def exchange(text: str | None, messages: Sequence[Message]) -> str:
    """A step's input or output as one text: the conversation where one was told, a part a paragraph."""
    if not messages:
        return text or ""
    return "\n".join(f"{message.role}: {_part(part)}" for message in messages for part in message.parts)


def _part(part: Part) -> str:
    """What a part says; a call with its arguments, without the id that every run makes up anew."""
    if part.value is None:
        return part.text or part.name
    value = part.value if isinstance(part.value, str) else layout(json_value(part.value))
    return f"{part.name} {value}".lstrip()
