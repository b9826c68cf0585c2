"""What the searches for secrets share: a place in a text, and where a word begins in it."""

from __future__ import annotations

from dataclasses import dataclass

CREDENTIAL = "credential"
"""What is secret because of what stands around it."""
OF_WORDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_IS_OF_WORD = frozenset(OF_WORDS)


@dataclass(frozen=True, slots=True)
class Found:
    """A secret in a text: from `start` up to `end`. `quote` stands around its mask: JSON has no bare words."""

    start: int
    end: int
    kind: str
    quote: str = ""


def begins(text: str, at: int) -> bool:
    r"""Whether a word can begin here: nothing of a word before it, unless it ends an escape as \n, \u0022 or %20."""
    if at == 0 or text[at - 1] not in _IS_OF_WORD:
        return True
    return (
        (at >= 2 and text[at - 2] == "\\" and text[at - 1] in "nrtbf")
        or (at >= 3 and text[at - 3] == "%")
        or (at >= 6 and text[at - 6 : at - 4] == "\\u")
    )
