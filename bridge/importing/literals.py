"""What Python can not hold of a text in JSON → null, as it is read on: NaN and ±Infinity, numbers without end.

Python's own writers put the first into JSON; at the second the parser does not fail but crash. Knows where strings
begin and end, and no more of JSON.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import Protocol

_MOST_DIGITS = 400
"""A double has 309 before its point; from 4,301 on Python makes no integer of them."""
_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_WHOLE = re.compile(rb'(?:[^"]++|"' + _TEXT + rb'")*+', re.DOTALL)
"""Up to a string that does not end here."""
_REST_OF_STRING = re.compile(_TEXT, re.DOTALL)
_WORD = rb"[-+.\w]"
_OF_WORDS = b"-+._" + (ascii_letters + digits).encode()
_WORDS = re.compile(rb'"' + _TEXT + rb'"|' + _WORD + rb"++", re.DOTALL)
_REST_OF_WORD = re.compile(_WORD + rb"*+")
_SUSPECT = re.compile(rb"NaN|Infinity|[eE][-+]?\d{4}|[\d.]{%d}" % _MOST_DIGITS)
_UNHELD = re.compile(rb"-?(?:NaN|Infinity|\d[\d.]*[eE][-+]?\d{4,}|[\d.]{%d,}.*)" % _MOST_DIGITS)


class Readable(Protocol):
    """What ijson reads from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Holdable:
    """A text in JSON without these words and numbers."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._held = b""
        """What the next bytes go on with."""
        self._is_in_string = False
        self._is_in_number = False
        """In one that is told already, as null."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; b"" at the end."""
        if size == 0:
            return b""
        while chunk := self._source.read(size):
            if told := self._told(chunk):
                return told
        held, self._held = self._held, b""
        return held if self._is_in_string else _without(held)

    def _told(self, chunk: bytes) -> bytes:
        if self._is_in_number:
            chunk = chunk[_end_of(_REST_OF_WORD, chunk, 0) :]
            self._is_in_number = not chunk
        text, self._held = self._held + chunk, b""
        start = self._end_of_string(text) if self._is_in_string else 0
        if self._is_in_string:
            return text[:start]
        end = _end_of(_WHOLE, text, start)
        self._is_in_string = end < len(text)
        if self._is_in_string:
            last = _end_of(_REST_OF_STRING, text, end + 1)
            self._held = text[last:]
            return text[:start] + _without(text[start:end]) + text[end:last]
        last = start + len(text[start:].rstrip(_OF_WORDS))
        self._held = text[last:]  # a word that may go on
        told = text[:start] + _without(text[start:last])
        if len(self._held) > _MOST_DIGITS:
            self._is_in_number = bool(_UNHELD.fullmatch(self._held))
            told, self._held = told + _without(self._held), b""
        return told

    def _end_of_string(self, text: bytes) -> int:
        """Where a string that began before ends, or what is to be told of it now."""
        end = _end_of(_REST_OF_STRING, text, 0)
        self._is_in_string = text[end : end + 1] != b'"'
        if self._is_in_string:  # at its end, or at a backslash whose letter is to come
            self._held = text[end:]
            return end
        return end + 1


def _end_of(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def _without(text: bytes) -> bytes:
    """Of a text in which every string is whole."""
    return _WORDS.sub(_held_word, text) if _SUSPECT.search(text) else text


def _held_word(found: re.Match[bytes]) -> bytes:
    word: bytes = found[0]
    return b"null" if _UNHELD.fullmatch(word) else word
