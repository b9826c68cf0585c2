"""Python's NaN and Infinity in JSON, wherever a text is cut into chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, strategies as st

from bridge.importing.literals import Holdable

_TEXTS = st.sampled_from(["NaN", "-Infinity", '"NaN\\', "\\", '"', "a\nInfinity,", "é", ""])
_SCALARS = st.none() | st.integers() | st.floats() | _TEXTS
_VALUES = st.recursive(_SCALARS, lambda v: st.lists(v) | st.dictionaries(_TEXTS, v), max_leaves=12)


class _Chunks:
    """A text in pieces of given sizes, then in one."""

    def __init__(self, text: bytes, sizes: list[int]) -> None:
        self._text = text
        self._sizes: Iterator[int] = iter(sizes)

    def read(self, size: int = -1, /) -> bytes:
        count = next(self._sizes, len(self._text))
        chunk, self._text = self._text[:count], self._text[count:]
        return chunk


def _without(value: Any) -> Any:
    """What json reads of a text whose words are null."""
    return json.loads(json.dumps(value), parse_constant=lambda word: None)


@given(value=_VALUES, sizes=st.lists(st.integers(1, 7)))
def test_words_become_null_and_strings_stay_as_they_are(value: Any, sizes: list[int]) -> None:
    """In any value, cut anywhere."""
    holdable = Holdable(_Chunks(json.dumps(value).encode(), sizes))
    told = b"".join(iter(holdable.read, b""))
    assert json.loads(told, parse_constant=_refused) == _without(value)


@given(sizes=st.lists(st.integers(1, 700), max_size=30), digits=st.sampled_from([399, 401, 5_000]))
def test_numbers_without_end_become_null(sizes: list[int], digits: int) -> None:
    """Cut anywhere; those that a double holds, and digits in strings, stay."""
    long = "9" * digits
    text = f'[{long}, 1.{long}, -{long}, 1e99999, 1e308, -2, "{long}", "1e99999"]'
    holdable = Holdable(_Chunks(text.encode(), sizes))
    told = json.loads(b"".join(iter(holdable.read, b"")))
    assert told[3:] == [None, 1e308, -2, long, "1e99999"]
    if digits > 400:
        assert told[:3] == [None, None, None]
    else:
        assert told[0] == int(long)


def _refused(word: str) -> None:
    raise AssertionError(f"{word} is left")
