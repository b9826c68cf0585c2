"""Readings of attribute values: what counts as told, and that hostile values cost nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracen_otel.attributes import (
    decode_json,
    encode_json,
    indexed,
    read_integer,
    read_text,
    read_value,
    unflatten,
)
from tracen_otel.model import Span


@pytest.mark.parametrize(
    "told", ["", "  ", "{}", "[]", "null", "N/A", "<REDACTED>", "__REDACTED__", 7, None, True]
)
def test_text_that_tells_nothing_is_none(told: Any) -> None:
    """Placeholders, and values that are no text, are read as absent."""
    assert read_text(told) is None


@pytest.mark.parametrize(
    ("told", "meant"),
    [("gpt-4o", "gpt-4o"), ('"gpt-4o"', "gpt-4o"), ('"he said', '"he said'), (b"caf\xc3\xa9", "café")],
)
def test_text_is_read_out_of_its_wrapping(told: Any, meant: str) -> None:
    """Text comes as it is, in a JSON string, or as UTF-8 bytes."""
    assert read_text(told) == meant


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (28, 28),
        ("28", 28),
        (28.0, 28),
        (0, 0),
        (28.5, None),
        ("", None),
        (-1, None),
        (True, None),
        (2**70, None),
    ],
)
def test_integer_is_a_count(told: Any, meant: int | None) -> None:
    """Counts come as integers, digits or whole doubles; nothing else is one."""
    assert read_integer(told) == meant


def test_json_in_json_is_decoded() -> None:
    """A value that was encoded twice is decoded twice."""
    assert decode_json('"[{\\"role\\": \\"user\\"}]"') == [{"role": "user"}]


@pytest.mark.parametrize(
    ("cut", "left"),
    [
        ('[{"role":"user","content":"What is th', [{"role": "user", "content": "What is th"}]),
        ('[{"role":"user","parts":[{"type":"te', [{"role": "user", "parts": [{"type": "te"}]}]),
        ('[{"role":"user","content":"a, b"},{"ro', [{"role": "user", "content": "a, b"}]),
        ('{"prompt":"say \\"hi', {"prompt": 'say "hi'}),
    ],
)
def test_json_that_breaks_off_keeps_what_is_left(cut: str, left: Any) -> None:
    """Attributes that an SDK cut at its length limit still tell their beginning."""
    assert decode_json(cut) == left


def test_json_too_deep_stays_text() -> None:
    """Nesting that nobody means is not decoded, so nothing later has to walk it."""
    bomb = "[" * 500 + "]" * 500

    assert decode_json(bomb) == bomb


def test_lone_surrogates_do_not_get_through() -> None:
    """A JSON escape can smuggle in what UTF-8 can not hold; readings replace it."""
    assert encode_json(decode_json('["\\ud800", "\\ud83c\\udf0d"]')) == '["�", "🌍"]'
    assert read_value("\udfff") == "�"


def test_indexed_keys_are_lists_again() -> None:
    """Flattened keys come back as the lists and objects they were, in order of their index."""
    span = Span("t", "s", "x", attributes={"p.10.role": "b", "p.9.role": "a", "p.9.calls.0.id": "c", "q": 1})

    assert indexed(span, "p.N") == [{"role": "a", "calls": [{"id": "c"}]}, {"role": "b"}]
    assert indexed(span, "absent.N") is None


def test_huge_index_allocates_nothing() -> None:
    """An index only orders: a thousand million in it makes a list of one."""
    assert unflatten({"p.999999999.role": "user"}, "p.") == [{"role": "user"}]


def test_attribute_values_are_never_changed() -> None:
    """A leaf that happens to be an object is no branch: other keys are not planted into it."""
    leaf = {"role": "user"}

    unflatten({"p.0": leaf, "p.0.content": "hi"}, "p.")

    assert leaf == {"role": "user"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_readings_never_raise(value: Any) -> None:
    """Any value at all is read, and what is read as text can be written as UTF-8."""
    for read in (read_text, read_integer, read_value, decode_json):
        read(value)
    (read_text(value) or "").encode()


@given(st.text(alphabet='[]{}",:\\u d8ab1'))
def test_broken_json_never_raises(text: str) -> None:
    """Text made of JSON's own characters is decoded or left alone."""
    decode_json("[{" + text)
    decode_json('{"' + text)
