"""Where any of some texts stands in another: one pass, as long as the text, however many there are and whatever is in
them (Aho and Corasick 1975, from the end to the beginning).

A search for each by itself takes as long as both together, and finds what repeats itself again at every character.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Needle:
    """A text that is looked for."""

    text: str
    letter: str = ""
    """Only where its first character is spelled as a backslash and this letter."""
    least: int = 0
    """Characters that its spelling must have."""


Fits = Callable[[int, Needle], bool]
"""Whether what stands at an index is spelled as a needle asks for."""
_BITS = 21
"""Of a character."""


class Automaton:
    """What finds needles. Built once, then only read."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._next: dict[int, int] = {}
        self._parents, self._characters, depths = array("I", [0]), array("I", [0]), array("I", [0])
        planted: dict[int, list[Needle]] = {}
        for needle in sorted(set(needles)):
            planted.setdefault(self._plant(needle, depths), []).append(needle)
        self._back = array("I", bytes(depths.itemsize * len(depths)))
        self._found: list[tuple[Needle, ...]] = [()] * len(depths)
        for state in sorted(range(1, len(depths)), key=depths.__getitem__):
            self._link(state, planted.get(state, ()))

    def _plant(self, needle: Needle, depths: array[int]) -> int:
        """The state that a needle ends in, made where there is none."""
        state = 0
        for depth, character in enumerate(map(ord, reversed(needle.text)), start=1):
            edge = state << _BITS | character
            if edge not in self._next:
                self._next[edge] = len(depths)
                self._parents.append(state)
                self._characters.append(character)
                depths.append(depth)
            state = self._next[edge]
        return state

    def _link(self, state: int, planted: Iterable[Needle]) -> None:
        """Tell a state where to go on when nothing goes on from it, and what has been found in it."""
        if parent := self._parents[state]:
            self._back[state] = self._after(self._back[parent], self._characters[state])
        shorter = self._found[self._back[state]]
        self._found[state] = _that_matter((*planted, *shorter)) if planted else shorter

    def _after(self, state: int, character: int) -> int:
        while (to := self._next.get(state << _BITS | character)) is None and state:
            state = self._back[state]
        return to or 0

    def places(self, text: str, fits: Fits) -> list[tuple[int, int]]:
        """Where needles stand, the last first; what overlaps is one place."""
        apart: list[tuple[int, int]] = []
        for start, end in self._matches(text, fits):
            while apart and apart[-1][0] < end:
                end = max(end, apart.pop()[1])
            apart.append((start, end))
        return apart

    def _matches(self, text: str, fits: Fits) -> Iterator[tuple[int, int]]:
        """The longest that begins at each index, from the last index to the first."""
        onward, back, found, state = self._next, self._back, self._found, 0
        for index in range(len(text) - 1, -1, -1):
            character = ord(text[index])
            while (to := onward.get(state << _BITS | character)) is None and state:
                state = back[state]
            state = to or 0
            for needle in found[state]:
                if not (needle.letter or needle.least) or fits(index, needle):
                    yield index, index + len(needle.text)
                    break


def _that_matter(needles: Iterable[Needle]) -> tuple[Needle, ...]:
    """Of needles that begin at one place, the longest first: those that may find more than the ones before."""
    told: list[Needle] = []
    known: set[tuple[str, int]] = set()
    for needle in needles:
        asks = needle.letter, len(needle.text) if needle.least else 0
        if asks not in known:  # of those that differ in `least` alone, the first asks least
            known.add(asks)
            told.append(needle)
        if not any(asks):
            break
    return tuple(told)
