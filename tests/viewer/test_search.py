"""Search within a trace."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.viewer.markup import document_of
from tests.viewer.samples import agent_trace
from viewer.document import steps_part
from viewer.search import Match, Query, find, parse_query
from viewer.view import view_of


def found(text: str) -> list[Match]:
    document = document_of(agent_trace())
    entries = {entry.number: entry for entry in document.entries(range(1, document.outline.step_count + 1))}
    return list(find(parse_query(text), document.body(steps_part(0)).decode(), 1, entries))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("kind:tool status:error", Query(kinds=frozenset({"tool"}), status="error")),
        ("kind:llm kind:agent GPT", Query(("gpt",), frozenset({"llm", "agent"}))),
        ('"two words" model:gpt-4.1', Query(("two words",), model="gpt-4.1")),
        ("kind:database status:failed", Query(kinds=frozenset({"db"}), status="error")),
        ("kind:nothing https://x.example", Query(("kind:nothing", "https://x.example"))),
        ('"open', Query(('"open',))),
        ("", Query()),
    ],
)
def test_query_is_read(text: str, query: Query) -> None:
    """What is no known name with a known value is a word."""
    assert parse_query(text) == query


def test_words_are_found_whatever_their_case_and_shown_in_their_place() -> None:
    """In texts, messages, arguments, names of attributes and their values."""
    (match,) = found("no ANSWER within")
    assert (match.number, match.where, match.words) == (5, "error_message", "no")
    assert [m.number for m in found('"maat ticket"')] == [2, 6]
    assert [m.number for m in found("gen_ai.request.temperature")] == [2]
    assert [m.number for m in found("api.openai.com")] == [2]


def test_all_words_must_be_there_and_conditions_hold() -> None:
    """Each narrows what is found."""
    assert [m.number for m in found("lisbon")] == [1, 2, 6]
    assert [m.number for m in found("lisbon kind:llm")] == [2, 6]
    assert [m.number for m in found("lisbon journeys")] == [2]
    assert found("lisbon status:error") == []


@given(st.text(min_size=1, max_size=30))
def test_any_text_can_be_searched_for(text: str) -> None:
    """Brackets, quotes and control characters are what they are."""
    numbers = [match.number for match in found(text)]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(range(1, 8))


def test_words_of_an_address_are_plain_before_they_stand_in_a_field() -> None:
    """What hides or reorders text is shown by marks, and there are none within an attribute."""
    view = view_of("1", {"q": "time\x00out \u202eevil\u2066  x\ty"})
    assert view.words == "time out evil x y"
