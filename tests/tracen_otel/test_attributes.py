"""Readings of attribute values: what counts as told, and that hostile values cost nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.tracen_otel.measured import calls_in, peak_bytes_of
from tracen_otel.attributes import (
    decode_json,
    encode_json,
    indexed,
    is_of_family,
    nests_deeper,
    read_integer,
    read_text,
    read_value,
    spelled,
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
        ('{"prompt":"say \\', {"prompt": "say "}),
        ('{"prompt":"path\\\\', {"prompt": "path\\"}),
        ('{"prompt":"caf\\u00', {"prompt": "caf"}),
        ('{"prompt":"caf\\u00e9, [{', {"prompt": "café, [{"}),
    ],
)
def test_json_that_breaks_off_keeps_what_is_left(cut: str, left: Any) -> None:
    """Attributes that an SDK cut at its length limit still tell their beginning."""
    assert decode_json(cut) == left


@pytest.mark.parametrize("cut", ['[{"a":' + "[" * 500 + "," * 500, '{"a":' * 500, '{"a"', '[{"a":tru'])
def test_json_that_breaks_off_where_nothing_is_left_stays_text(cut: str) -> None:
    """What can not be closed, or opens deeper than anybody means, is shown as it came."""
    assert decode_json(cut) == cut


@pytest.mark.parametrize("filling", [",", "[],", '"a",', "\\u12", "[", '\\"'])
def test_cut_json_costs_as_much_as_it_is_long(filling: str) -> None:
    """Twice the text is at most twice the calls, whatever signs it is made of."""
    small, large = ('[{"a":"b"},' + filling * n for n in (1000, 2000))

    assert calls_in(lambda: decode_json(large)) < 2.3 * calls_in(lambda: decode_json(small))


@pytest.mark.parametrize(
    "value",
    [
        "lorem ipsum " * 100_000,
        json.dumps([{"role": "user", "content": "lorem ipsum " * 100_000}]),
        json.dumps([{"role": "user", "content": "naïve 🌍 " * 30_000}]),
        '[{"role":"user","content":"' + "lorem ipsum " * 100_000,
        '[{"role":"user","content":"' + '\\"' * 500_000,
        '"' + '{\\"role\\":\\"user\\"}' * 50_000 + '"',
    ],
    ids=["text", "JSON", "JSON with escapes", "cut JSON", "cut JSON of escapes", "JSON in JSON"],
)
def test_long_text_is_copied_a_few_times_at_most(value: str) -> None:
    """Reading a long value holds no more than a few copies of it at any time."""
    longest = max(len(value), len(value.encode()))

    assert peak_bytes_of(lambda: (read_value(value), decode_json(value))) < 8 * longest


def test_value_that_nests_without_end_can_be_spelled() -> None:
    """Nesting deeper than the interpreter can follow is said so, where text is wanted."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]

    assert encode_json(value) == spelled(value) == "(nested too deep to be shown)"


def test_json_too_deep_stays_text() -> None:
    """Nesting that nobody means is not decoded, so nothing later has to walk it."""
    bomb = "[" * 500 + "]" * 500

    assert decode_json(bomb) == bomb


@pytest.mark.parametrize(
    ("value", "depth"), [(7, 0), ([], 0), ([7], 1), ({"a": []}, 1), ({"a": [7], "b": 1}, 2), ([[[]], [1]], 2)]
)
def test_depth_is_that_of_the_innermost_value(value: Any, depth: int) -> None:
    """A value nests deeper than every smaller depth, and not deeper than its own."""
    assert not nests_deeper(value, depth)
    assert all(nests_deeper(value, smaller) for smaller in range(depth))


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


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        ("p.0.role", True),
        ("p.12", True),
        ("p.999999999.role", True),
        ("p.version", False),
        ("p.", False),
        ("p", False),
        ("p.٣.role", False),
        ("p.-1.role", False),
        ("p." + "9" * 2**20, False),
        ("p.0." + "9." * 2**20, True),
    ],
)
def test_key_of_a_family_has_an_index(key: str, is_one: bool) -> None:
    """A flattened list's keys have a number after the list's name; the same keys make the list."""
    assert is_of_family(key, "p.N") is is_one
    assert (unflatten({key: 1}, "p.") is not None) is is_one


def test_prototype_is_a_name_like_any_other() -> None:
    """Names that are dangerous elsewhere are plain names here."""
    told = unflatten({"p.0.__proto__.role": "user", "p.0.constructor": 1, "p.0.__class__": 2}, "p.")

    assert told == [{"__proto__": {"role": "user"}, "constructor": 1, "__class__": 2}]


def test_key_of_endless_parts_nests_a_dozen_levels() -> None:
    """Dots in a key open only so many levels; the rest of the key is one name."""
    (item,) = unflatten({"p.0" + ".a" * 10_000: 1}, "p.") or []

    levels = 0
    while isinstance(item, dict):
        (item,), levels = item.values(), levels + 1
    assert (item, levels) == (1, 12)


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
