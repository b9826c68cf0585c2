"""The Perfetto form: what the importer demands of Chrome Trace Event JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.viewer.samples import (
    HOSTILE,
    MS,
    START_NS,
    TRICKY,
    agent_trace,
    chain_trace,
    failed_trace,
    hostile_trace,
    silent_trace,
    step,
)
from tracen_otel.model import Step, Trace
from viewer.forms.perfetto import render

LARGEST = 2**64 - 1


def events_of(trace: Trace) -> list[dict[str, Any]]:
    """The events of the steps, as a strict reader sees them."""
    told = json.loads(render(trace), parse_constant=pytest.fail)
    return [event for event in told["traceEvents"] if event["ph"] != "M"]


def nanoseconds(microseconds: float) -> int:
    """As Perfetto's `json_utils.cc` reads a number."""
    return int(microseconds * 1000)


def assert_nested(events: list[dict[str, Any]]) -> None:
    """Fail where an event of a track begins inside another and ends after it, in the file's order."""
    ends_by_track: defaultdict[int, list[int]] = defaultdict(list)
    last_start = 0
    for event in events:
        start = nanoseconds(event["ts"])
        assert start >= last_start
        last_start = start
        if event["ph"] != "X":
            continue
        end = start + nanoseconds(event["dur"])
        ends = ends_by_track[event["tid"]]
        while ends and ends[-1] <= start:
            ends.pop()
        assert not ends or end <= ends[-1]
        ends.append(end)


def test_render_tells_each_step_once_with_its_facts() -> None:
    """A step is one complete event with microseconds from the start, its kind, status, model and tokens."""
    events = events_of(agent_trace())
    chat = next(event for event in events if event["args"]["step"] == 2)
    assert len(events) == len(agent_trace().steps)
    assert (chat["name"], chat["ph"], chat["ts"], chat["dur"]) == ("chat gpt-4.1", "X", 60_000, 1_830_000)
    assert chat["args"] == {
        "step": 2,
        "kind": "llm",
        "status": "success",
        "model": "gpt-4.1",
        "provider": "OpenAI",
        "input_tokens": 1204,
        "output_tokens": 86,
    }


def test_render_puts_parallel_steps_on_tracks_of_their_own() -> None:
    """Two tools that overlap under one agent can not share a track; what nests stays with its parent."""
    track_by_step = {event["args"]["step"]: event["tid"] for event in events_of(agent_trace())}
    assert track_by_step[1] == track_by_step[2]
    assert {track_by_step[3], track_by_step[5]} == {1, 2}, "though one lies within the other's time"
    assert track_by_step[4] == track_by_step[3]
    assert_nested(events_of(agent_trace()))


def test_render_shows_a_step_without_duration_as_an_instant() -> None:
    """Nobody told how long the evaluation took: it is a point of its track."""
    score = events_of(agent_trace())[-1]
    assert (score["name"], score["ph"], score["s"]) == ("score", "i", "t")
    assert score["args"]["duration"] == "unknown"


def test_render_tells_the_error_of_a_failed_step() -> None:
    """Status and message come as arguments."""
    failed = [event["args"] for event in events_of(failed_trace()) if event["args"]["status"] == "error"]
    assert "RateLimitError: 429, try again in 2 s" in [arguments["error"] for arguments in failed]


def test_render_keeps_nanoseconds() -> None:
    """The fraction of a microsecond is read back exactly."""
    steps = [replace(step("a", 0, None), start_ns=START_NS + n, latency_ns=n) for n in range(0, 5000, 7)]
    told = {(nanoseconds(e["ts"]), nanoseconds(e["dur"])) for e in events_of(Trace(steps=tuple(steps)))}
    assert told == {(n, n) for n in range(0, 5000, 7)}


@pytest.mark.parametrize(
    "trace", [Trace(), silent_trace(), chain_trace(3_000), hostile_trace(HOSTILE), hostile_trace(TRICKY)]
)
def test_render_holds_for_odd_traces(trace: Trace) -> None:
    """No steps, no content, deep chains and hostile text are all told in JSON that nests."""
    assert_nested(events_of(trace))
    assert "\u202e" not in render(trace).decode()


def test_render_replaces_what_utf8_can_not_hold() -> None:
    """A lone surrogate costs itself alone."""
    assert len(events_of(Trace(steps=(step("\ud800", 0, 1, output="\udfff"),)))) == 1


def test_render_takes_linear_time_for_steps_that_all_overlap() -> None:
    """Every one of 20,000 has a track of its own."""
    steps = tuple(replace(step("a", n, 100_000), id=str(n)) for n in range(20_000))
    assert {event["tid"] for event in events_of(Trace(steps=steps))} == set(range(1, 20_001))


_TIMES = st.one_of(
    st.integers(START_NS, START_NS + 60), st.integers(0, LARGEST), st.sampled_from((0, 1, LARGEST))
)
_LATENCIES = st.one_of(
    st.none(), st.integers(0, 60), st.integers(0, 2**63 - 1), st.just(1_000 * MS), st.just(2**63 - 1)
)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A step at any time of any length, under any other."""
    ids = st.sampled_from("abcdefgh")
    told = Step("a", id=draw(ids), parent_id=draw(st.none() | ids))
    return replace(told, start_ns=draw(_TIMES), latency_ns=draw(_LATENCIES))


@given(st.lists(steps(), max_size=12))
def test_render_nests_on_every_track_whatever_the_times(told: list[Step]) -> None:
    """Every step once, in order of start, strictly nested on its track, in numbers of 63 bits."""
    events = events_of(Trace(steps=tuple(told)))
    assert sorted(event["args"]["step"] for event in events) == list(range(1, len(told) + 1))
    assert_nested(events)
    assert all(0 <= nanoseconds(event["ts"] + event.get("dur", 0)) < 2**63 for event in events)
