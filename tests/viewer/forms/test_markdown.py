"""The Markdown form: never too long, what matters first, and nothing breaks out of its block."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.viewer.samples import (
    HOSTILE,
    PLAIN,
    TRICKY,
    agent_trace,
    chain_trace,
    failed_trace,
    hostile_trace,
    silent_trace,
    step,
)
from tracen_otel import payload
from tracen_otel.model import Message, Part, StepKind, Trace
from viewer.forms.markdown import DEFAULT_MAX_CHARS, parse_max_chars, render
from viewer.forms.markdown_text import fenced, inline
from viewer.listing import InvalidQuery

URL = "http://tracen.test/traces/1"
_OWN_TOKENS = re.compile(
    r"(heading|paragraph|bullet_list|list_item|strong|em|link)_(open|close)|inline|text|fence|softbreak|text_special"
)


def markdown_of(trace: Trace, max_chars: int = DEFAULT_MAX_CHARS) -> str:
    told = render(trace, page_url=URL, max_chars=max_chars)
    assert len(told) <= max_chars
    return told


def tokens_of(text: str) -> list[Token]:
    """What a reader of CommonMark makes of it, with the insides of lines."""
    outer = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [token for block in outer for token in (block, *(block.children or ()))]


def assert_own_markdown(text: str) -> None:
    """Fail where there is any other markup, address, title or list than the form itself writes."""
    tokens = tokens_of(text)
    assert all(_OWN_TOKENS.fullmatch(token.type) for token in tokens), {token.type for token in tokens}
    assert {token.attrs["href"] for token in tokens if token.type == "link_open"} <= {URL}


def test_render_tells_the_run_from_the_top() -> None:
    """Title, status, facts, prompt, response, timeline and details, in this order."""
    told = markdown_of(agent_trace())
    titles = re.findall(r"^#+ .*", told, re.MULTILINE)
    assert titles[0] == "# invoke_agent planner"
    assert titles[1] == "## 1 step failed; the run went on"
    assert titles[2:6] == ["## Prompt (step 1)", "## Response (step 6)", "## System (step 2)", "## Timeline"]
    assert titles[6] == "## Steps"
    for line in (
        "- Status: succeeded",
        "- Duration: 9.21 s",
        "- Model: gpt-4.1 (OpenAI)",
        "- Tokens: 2,943 in · 498 out (1,536 from cache · 192 reasoning)",
        "- Steps: 7 (2 LLM calls · 2 tool calls)",
        "- Service: travel-agent",
        "    - **4.** GET www\\.maat.pt — http · 690 ms",
        "  - **5.** get_weather — tool · 2.41 s · **failed**: TimeoutError: no answer within 2.4 s",
        "**Input**, user",
        "**Output**, assistant: calls search (call_1)",
        '{"query": "MAAT ticket price", "limit": 3}',
        "Warning: The span ended before its last event.",
        f"*From* <{URL}>",
    ):
        assert line in told.splitlines()
    assert_own_markdown(told)


def test_render_of_a_failed_run_says_where_it_failed() -> None:
    """The error stands above the prompt, with the step that it came from."""
    told = markdown_of(failed_trace())
    assert "- Status: **failed**" in told
    error = "## The run failed\n\nIn step 6, chat gpt-4.1:\n\n```\nRateLimitError: 429, try again in 2 s\n```"
    assert error in told
    assert told.index(error) < told.index("## Prompt")


def test_render_says_what_the_step_said_in_which_a_failure_began() -> None:
    """Beside what the run says; neither is put into the other's mouth."""
    told = markdown_of(replace(failed_trace(), error_message="the agent gave up", sources={}))
    began = "It began in step 6, chat gpt-4.1: RateLimitError: 429, try again in 2 s"
    assert f"## The run failed\n\n{began}\n\n```\nthe agent gave up\n```" in told


def test_render_tells_the_error_even_where_there_is_little_room() -> None:
    """In 500 characters the reader learns what failed, and where to see more."""
    told = markdown_of(failed_trace(), 500)
    assert "RateLimitError: 429, try again in 2 s" in told
    assert f"All of it:* <{URL}>" in told


@pytest.mark.parametrize("trace", [Trace(), silent_trace(), payload.decode(PLAIN)])
def test_render_of_little_is_little(trace: Trace) -> None:
    """What was not told has no heading."""
    told = markdown_of(trace)
    assert ("## Prompt" in told) == bool(trace.prompt)
    assert "unknown" not in told.partition("## Timeline")[0]
    assert_own_markdown(told)


def test_render_keeps_beginning_and_end_of_long_texts() -> None:
    """What stands between is counted."""
    trace = Trace("begin " + "j" * 100_000 + " end", "A" + "q" * 100_000 + "Z", title="title")
    told = markdown_of(trace, 5_000)
    counts = [int(n.replace(",", "")) for n in re.findall(r"… ([\d,]+) characters left out …", told)]
    assert counts == [100_000 - told.count("j"), 100_000 - told.count("q")]
    assert "begin j" in told
    assert "j end\n```" in told
    assert len(told) > 4_000


def test_render_counts_the_steps_it_leaves_out() -> None:
    """Every step is told or counted, and the page's address follows."""
    told = markdown_of(chain_trace(2_000), 3_000)
    shown = len(re.findall(r"^ *- \*\*\d", told, re.MULTILINE))
    assert f"Left out here: {2_000 - shown:,} steps of the timeline. All of it:* <{URL}>" in told


def test_render_counts_details_and_earlier_messages() -> None:
    """A long conversation is cut to its last turns, a long run to its first steps."""
    talk = tuple(Message("user", (Part("text", f"turn {n} {'x' * 300}"),)) for n in range(20))
    steps = tuple(step(f"s{n}", n, 1, kind=StepKind.LLM, input_messages=talk) for n in range(50))
    told = markdown_of(Trace(steps=steps), 6_000)
    assert "**Input**: 16 earlier messages left out" in told
    shown = told.count("\n### ")
    assert f"the details of {50 - shown} steps" in told
    assert shown > 2


@pytest.mark.parametrize(
    "text", [HOSTILE, TRICKY, "```\n# no\n```", "~~~", "`" * 50, "> a\n- b\n1. c\n---", "|a|\n|-|"]
)
def test_hostile_text_breaks_out_of_nothing(text: str) -> None:
    """Whatever is Markdown in it is plain text in every field, or stands in a block that it can not end."""
    told = markdown_of(hostile_trace(text), 200_000)
    assert_own_markdown(told)
    assert told.count("\n# ") == 0 or told.startswith("# ")
    fences = [token.content for token in tokens_of(told) if token.type == "fence"]
    assert len(fences) >= 6
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told)


_MARKS = st.text(st.sampled_from("`~*_[]()<>#|\\!&$:/.w-+1 \n\r\t\x00\u202e\u2028ax"), max_size=60)


@given(_MARKS, st.integers(500, 4_000))
def test_render_is_never_too_long_nor_foreign_markdown(text: str, max_chars: int) -> None:
    """For any text in any field and any limit."""
    told = render(hostile_trace(text), page_url=URL, max_chars=max_chars)
    assert len(told) <= max_chars
    assert_own_markdown(told)


@given(st.text(), st.integers(1, 3_000), st.integers(500, 3_000), st.integers(0, 900))
def test_render_is_never_too_long(text: str, times: int, max_chars: int, url_size: int) -> None:
    """Long texts, many steps and long addresses included."""
    trace = replace(hostile_trace(text * times), notes=(text,) * 9)
    trace = replace(trace, steps=trace.steps * 20)
    assert len(render(trace, page_url="h" * url_size, max_chars=max_chars)) <= max_chars


@given(_MARKS)
def test_inline_is_one_line_of_text(text: str) -> None:
    """A reader of Markdown reads the very line that `one_line` makes."""
    tokens = tokens_of(f"x {inline(text, 100)} x")
    assert {token.type for token in tokens} <= {
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "text_special",
    }


@given(st.text(st.sampled_from("`a\n\u202e\U000e0041 "), max_size=400), st.integers(0, 500))
def test_fenced_is_one_block_within_its_limit(text: str, limit: int) -> None:
    """Or nothing, where the limit is too small to tell anything."""
    block = fenced(text, limit)
    assert len(block) <= limit
    if block:
        assert [token.type for token in tokens_of(block)] == ["fence"]


def test_render_of_a_hundred_thousand_steps_is_quick() -> None:
    """The time is that of arranging them; no step is written that does not fit."""
    trace = replace(chain_trace(100_000), status=failed_trace().status)
    started = time.process_time()
    told = markdown_of(trace)
    assert time.process_time() - started < 10
    assert "steps of the timeline" in told


def test_render_uses_what_it_is_given() -> None:
    """With more room, more is told, down to everything."""
    steps = tuple(step(f"s{n}", n, 1, input="in " * 300, output="out " * 300) for n in range(100))
    sizes = [len(markdown_of(Trace(steps=steps), limit)) for limit in (1_000, 10_000, 100_000, 1_000_000)]
    assert sizes == sorted(sizes)
    assert "left out" not in markdown_of(Trace(steps=steps), 1_000_000).lower()
    assert sizes[1] > 8_000


def test_parse_max_chars_reads_a_number_or_the_default() -> None:
    """Without a parameter a form is as long as a chat takes."""
    assert parse_max_chars(None) == DEFAULT_MAX_CHARS
    assert [parse_max_chars(text) for text in ("500", "10000000")] == [500, 10_000_000]


@pytest.mark.parametrize("text", ["", "499", "10000001", "-500", "1e4", "٥٠٠", "9" * 5_000])
def test_parse_max_chars_refuses_anything_else(text: str) -> None:
    """The message says what was expected and the beginning of what came."""
    with pytest.raises(InvalidQuery, match="max_chars: expected a number from 500 to 10000000, got"):
        parse_max_chars(text)
