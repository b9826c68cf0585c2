"""Quotes are exact, or say what they leave out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from viewer.quotes import MAX_QUOTE, MIN_QUOTE, Quote, Quoter


def whole(quote: Quote) -> str:
    return quote.text + quote.rest


def test_text_is_quoted_as_sent() -> None:
    """A prompt that looks like JSON or Markdown is not touched."""
    text = ' {"a":1}\n**b** '
    assert Quoter().text(text).text == text


def test_structure_in_a_text_is_laid_out() -> None:
    """Arguments that came as one line of JSON are indented, unless they are short."""
    short, long = '{"city":"Paris"}', json.dumps({"city": "Paris", "days": list(range(40))})
    assert Quoter().value(short).text == '{"city": "Paris"}'
    assert whole(Quoter().value(long)) == json.dumps(json.loads(long), indent=2)
    assert Quoter().value(long).is_code


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1.10}',
        '{"a":1e999}',
        "[NaN]",
        "{not json",
        "[" * 50_000,
    ],
)
def test_structure_that_layout_would_change_is_left_alone(text: str) -> None:
    """Twice the same key, a number written another way, or no JSON at all: shown as sent."""
    assert whole(Quoter().value(text)) == text


def test_deep_structure_is_not_indented() -> None:
    """Indenting hundreds of levels would make megabytes of kilobytes."""
    text = '{"a": ' * 300 + "1" + "}" * 300
    assert whole(Quoter().value(text)) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_layout_loses_nothing(value: Any) -> None:
    """What a reader sees of a structure is the structure."""
    if isinstance(value, list | dict):
        assert json.loads(whole(Quoter().value(value))) == value
        assert json.loads(whole(Quoter().value(json.dumps(value)))) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.1, "0.1"),
        (float("nan"), '"NaN"'),
        (b"\x00\xff", '"AP8="'),
        (2**63, str(2**63)),
    ],
)
def test_scalars_are_written_as_json(value: Any, text: str) -> None:
    """Every kind of attribute value has a text."""
    assert Quoter().value(value).text == text


def test_quote_is_cut_at_its_limit_and_says_so() -> None:
    """A page never holds more than MAX_QUOTE characters of one text."""
    quote = Quoter().text("x" * (MAX_QUOTE + 1_500))
    assert len(whole(quote)) == MAX_QUOTE
    assert quote.omitted == "1,500 characters"
    assert quote.offer == "the first 200,000 of 201,500 characters"


def test_quotes_share_the_budget_of_a_page() -> None:
    """When it is spent, each quote keeps its beginning."""
    quoter = Quoter(budget=10_000)
    quotes = [quoter.text("x" * 6_000) for _ in range(4)]
    lengths = [len(whole(quote)) for quote in quotes]
    assert lengths == [6_000, 4_000, MIN_QUOTE, MIN_QUOTE]


def test_long_quotes_are_folded_and_tell_their_size() -> None:
    """Many characters or many lines; a short text is simply shown."""
    assert Quoter().text("x" * 48_210).offer == "all 48,210 characters"
    assert Quoter().text("\n" * 25).rest == "\n" * 7
    assert Quoter().text("short\ntext").rest == ""


@example("x" * 1_499 + "\r\n" + "x" * 1_000)
@given(st.text(st.sampled_from("ab \n\r"), min_size=1_900, max_size=4_000))
def test_folding_loses_nothing(text: str) -> None:
    """The beginning and the rest are the text; a line end of two characters is not torn apart."""
    quote = Quoter().text(text)
    assert whole(quote) == text
    assert not (quote.text.endswith("\r") and quote.rest.startswith("\n"))
    assert quote.text
