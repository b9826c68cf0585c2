"""How a text may be written: what differs in spelling alone reads the same.

Capitals and small letters; composed and decomposed letters; whitespace of any kind and length; typographic quotes and
dashes; escaped in JSON in a string, to any depth; percent-encoded in a URL; as references in HTML. RFC 8259 7,
RFC 3986 2.1, Unicode TR 15. One pass, whose steps are short: text may hold anything.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from html.entities import html5

_MAX_STRETCH = 1 << 16
"""Characters that are matched in one go: nothing else runs meanwhile."""
_MAX_CLUSTER = 24
"""Characters that are composed at a time: it takes the square of their number."""
_HEX = "[0-9a-fA-F]"
_TOKEN = re.compile(
    rf"""
    (?P<plain>[^\\%&+\s\x08\x80-\U0010ffff]{{1,{_MAX_STRETCH}}}+)
    | (?P<space>[\s\x08+]{{1,{_MAX_STRETCH}}}+)
    | \\{{1,{_MAX_STRETCH}}}+ (?:
        (?P<control>[nrtbf])
        | u (?P<high>[dD][89abAB]{_HEX}{{2}}) \\{{1,64}}+ u (?P<low>[dD][c-fC-F]{_HEX}{{2}})
        | u (?P<unit>{_HEX}{{4}})
        | (?P<escaped>["'/])
        | (?P<backslashes>)
      )
    | (?P<octets>%[0-7]{_HEX} | %[c-dC-D]{_HEX}%[89abAB]{_HEX}
        | %[eE]{_HEX}(?:%[89abAB]{_HEX}){{2}} | %[fF][0-4](?:%[89abAB]{_HEX}){{3}})
    | &(?: \#(?P<decimal>[0-9]{{1,7}}) | \#[xX](?P<hexadecimal>{_HEX}{{1,6}}) | (?P<named>[A-Za-z]{{2,8}}) );
    | (?P<foreign>[^\x00-\x7f\s]{{1,{_MAX_STRETCH}}}+)
    | (?P<lone>[%&])
    """,
    re.VERBOSE,
)
_ALIKE = str.maketrans(
    {"‘": "'", "’": "'", "ʼ": "'"} | dict.fromkeys("“”„", '"') | dict.fromkeys("‐‑‒–—", "-")
)
_ENCODED = frozenset({"octets", "decimal", "hexadecimal", "named"})
_WORD = re.compile("[a-z0-9]+")
_MAX_CORE = 12


def folded(text: str) -> str:
    """Without the difference of capitals and small letters, character by character."""
    whole = text.casefold()
    return whole if len(whole) == len(text) else "".join(map(_folded, text))


def core_of(text: str) -> str:
    """Letters and digits of `text` that are in every spelling of it, folded; "" where there are none."""
    words: list[str] = _WORD.findall(folded(unicodedata.normalize("NFC", text)))
    return max(words, key=len, default="")[:_MAX_CORE]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text without what differs in spelling alone, and where each character of that came from."""

    text: str
    _begins: array[int]
    """Of segments, in `text`. They are spelled character for character, or else only whole."""
    _sources: array[int]

    def start(self, index: int) -> int:
        """Where the spelling of a character begins."""
        at = bisect_right(self._begins, index) - 1
        return self._sources[at] + (index - self._begins[at] if self._is_plain(at) else 0)

    def end(self, index: int) -> int:
        """Where the spelling of a character ends."""
        at = bisect_right(self._begins, index) - 1
        return (
            self._sources[at] + index - self._begins[at] + 1 if self._is_plain(at) else self._sources[at + 1]
        )

    def _is_plain(self, at: int) -> bool:
        return self._begins[at + 1] - self._begins[at] == self._sources[at + 1] - self._sources[at]


def reading_of(text: str, *, decodes: bool = True) -> Reading:
    """Read a text; `decodes`: as if it may be part of a URL or of HTML.

    Backslashes are not read: how many stand for one, or for none, depends on what is around them.
    """
    work = _Work()
    for match in _TOKEN.finditer(text):
        kind, start = match.lastgroup, match.start()
        if kind == "plain":
            work.add(folded(match[0]), start)
        elif kind == "foreign":
            work.foreign(match[0], start)
        else:
            is_itself = not decodes and kind in _ENCODED
            work.character(None if is_itself else _meant(kind or "", match), match[0], start)
    return work.reading(len(text))


def _meant(kind: str, match: re.Match[str]) -> str | None:
    """The character that a token stands for, "" for none; None where it stands for itself."""
    told = match[kind]
    if kind in ("space", "control"):
        return " "
    if kind in ("backslashes", "escaped"):
        return told
    if kind == "low":
        return (bytes.fromhex(match["high"]) + bytes.fromhex(told)).decode("utf-16-be")
    if kind in ("unit", "hexadecimal"):
        return _character(int(told, 16))
    if kind == "decimal":
        return _character(int(told))
    if kind == "named":
        meant = html5.get(f"{told};", "")
        return meant if len(meant) == 1 else None
    if kind == "octets":
        meant = bytes.fromhex(told.replace("%", "")).decode("utf-8", "replace")
        return meant if len(meant) == 1 else None
    return None


def _character(point: int) -> str | None:
    return chr(point) if point <= 0x10FFFF else None


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    low = character.casefold()
    return low if len(low) == 1 else character


@lru_cache(maxsize=4096)
def _is_simple(character: str) -> bool:
    """Whether a character is read by itself, and as one."""
    return not (
        _joins(character)
        or unicodedata.category(character) == "Cf"
        or ord(character) in _ALIKE
        or unicodedata.normalize("NFC", character) != character
    )


@lru_cache(maxsize=4096)
def _joins(character: str) -> bool:
    """Whether a character may be one with what is before it: marks, and the later parts of a Hangul syllable."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"


@dataclass(slots=True)
class _Work:
    """A reading under way."""

    pieces: list[str] = field(default_factory=list)
    begins: array[int] = field(default_factory=lambda: array("I"))
    sources: array[int] = field(default_factory=lambda: array("I"))
    size: int = 0
    ends_in_space: bool = False

    def add(self, piece: str, source: int) -> None:
        self.pieces.append(piece)
        self.begins.append(self.size)
        self.sources.append(source)
        self.size += len(piece)
        self.ends_in_space = self.ends_in_space if not piece else piece == " "

    def character(self, meant: str | None, spelled: str, source: int) -> None:
        """Add what a token stands for."""
        if meant is None:
            self.add(folded(spelled), source)
        elif meant.isspace() or meant == "\b":
            self.add("" if self.ends_in_space else " ", source)
        elif meant.isascii():
            self.add("" if meant == "\\" else folded(meant), source)
        else:
            self._one(meant, source)

    def foreign(self, text: str, source: int) -> None:
        """Add characters beyond ASCII."""
        if all(map(_is_simple, set(text))):
            self.add(folded(text), source)
            return
        for at, character in enumerate(text, start=source):
            self._one(character, at)

    def _one(self, character: str, source: int) -> None:
        if _joins(character) and self.pieces and self.pieces[-1] and not self.ends_in_space:
            base, base_source = self._last()
            if len(base) < _MAX_CLUSTER:
                self.add(folded(unicodedata.normalize("NFC", base + character)), base_source)
                return
            self.add(base, base_source)
        if unicodedata.category(character) == "Cf":
            self.add("", source)
        else:
            self.add(folded(unicodedata.normalize("NFC", character)).translate(_ALIKE), source)

    def _last(self) -> tuple[str, int]:
        """Take back the last character, with what was joined to it, and where that began."""
        piece, source, begin = self.pieces.pop(), self.sources.pop(), self.begins.pop()
        self.size = begin
        base = len(piece) - 1
        while base and _joins(piece[base]):
            base -= 1
        if base:
            self.add(piece[:base], source)
            source += base
        return piece[base:], source

    def reading(self, length: int) -> Reading:
        self.add("", length)
        return Reading("".join(self.pieces), self.begins, self.sources)
