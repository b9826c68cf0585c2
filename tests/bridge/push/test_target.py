"""Sending to endpoints of every manner: the form that they take, their limits, and their faults in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.push.target import Target, client_of, ends_all, words_of
from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    HTML,
    KEY,
    RESET,
    Fault,
    Manners,
    RunningStrictTracen,
    redirect,
    refused,
    strict_tracen,
)
from tests.viewer.samples import PLAIN
from tracen_otel.client import PayloadTooLarge, Refused, TracenError
from tracen_otel.model import Step, Trace
from tracen_otel.payload import decode

TRACE = decode(PLAIN | {"otel_trace_id": "a" * 32, "title": "A weekend"})


class Clock:
    """Unix time, and waits that pass at once."""

    def __init__(self) -> None:
        self.now_s = 1_795_510_800.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[RunningStrictTracen]:
    with strict_tracen(Manners(), clock) as running:
        yield running


def target_of(server: RunningStrictTracen, *, documented: bool = False) -> Target:
    return Target(client_of(server.endpoint, KEY), documented=documented)


def test_target_gets_the_extended_form_where_it_takes_it(server: RunningStrictTracen) -> None:
    """Unknown fields are ignored by most."""
    target_of(server).take(TRACE)

    assert server.accepted[0].payload["title"] == "A weekend"


def test_target_gets_the_documented_fields_where_it_refuses_more(server: RunningStrictTracen) -> None:
    """Found out once; each trace after the first is sent once."""
    server.manners.refuses_unknown_fields = True
    target = target_of(server)

    for _ in range(3):
        target.take(TRACE)

    assert [request.method for request in server.requests] == 4 * ["POST"]
    assert "title" not in server.accepted[0].payload


def test_target_gets_the_documented_fields_alone_where_that_is_asked(server: RunningStrictTracen) -> None:
    """Whatever it would take."""
    target_of(server, documented=True).take(TRACE)

    assert server.accepted[0].payload.keys() <= {
        *PLAIN,
        "input_tokens",
        "output_tokens",
        "total_latency_ms",
        "error_message",
    }
    assert len(server.requests) == 1


def test_target_says_what_it_said_first_where_no_form_will_do(server: RunningStrictTracen) -> None:
    """A refusal of both forms is about the trace; the next one begins anew."""
    server.faults.extend([refused(422), refused(400)])
    target = target_of(server)

    with pytest.raises(Refused, match="422") as error:
        target.take(TRACE)
    assert not ends_all(error.value)

    target.take(TRACE)
    assert server.accepted[0].payload["title"] == "A weekend"


@pytest.mark.parametrize("strict", [False, True])
def test_target_has_one_page_however_often_a_trace_is_sent(server: RunningStrictTracen, strict: bool) -> None:
    """The Idempotency-Key follows the body, in each form."""
    server.manners.refuses_unknown_fields = strict

    pages = {target_of(server).take(TRACE).url for _ in range(3)}

    assert len(pages) == len(server.pages) == 1


def test_target_gets_a_smaller_form_where_the_whole_is_too_large(server: RunningStrictTracen) -> None:
    """A page with gaps beats no page, and the trace says what was left out."""
    server.manners.max_body_bytes = 5_000
    step = Step(name="big", attributes={"x": "y" * 10_000})

    target_of(server).take(Trace(prompt="p", steps=(step,)))

    assert "too large to send" in server.accepted[0].payload["notes"][0]


def test_target_that_takes_no_form_says_so(server: RunningStrictTracen) -> None:
    """And the next trace may fit."""
    server.manners.max_body_bytes = 10

    with pytest.raises(PayloadTooLarge) as error:
        target_of(server).take(TRACE)

    assert "smallest form" in words_of(error.value, server.endpoint)
    assert not ends_all(error.value)


def test_target_waits_exactly_as_long_as_it_is_asked_to(server: RunningStrictTracen, clock: Clock) -> None:
    """Three in an hour are waited for; the limit refuses each time once."""
    server.manners.limit = 2
    target = Target(client_of(server.endpoint, KEY), wait=clock.wait)

    for n in range(6):
        target.take(decode(PLAIN | {"prompt": str(n)}))

    assert clock.waits == [3600, 3600]
    assert len(server.pages) == 6
    assert server.accepted_within(3600) == 2


def test_target_that_never_has_room_is_left_at_last(server: RunningStrictTracen, clock: Clock) -> None:
    """Without a Retry-After the waits grow, and end."""
    server.faults.extend(60 * [refused(503)])

    with pytest.raises(TracenError, match="503"):
        Target(client_of(server.endpoint, KEY), wait=clock.wait).take(TRACE)

    assert 5 / 2 <= clock.waits[0] <= 5
    assert max(clock.waits) <= 300
    assert len(clock.waits) < 60


def test_target_is_sent_again_what_broke_off(server: RunningStrictTracen) -> None:
    """Once, at once, with the same key: an answer that was lost makes no second page."""
    server.faults.append(ANSWER_LOST)

    target_of(server).take(TRACE)

    assert len(server.pages) == 1


@pytest.mark.parametrize(
    ("faults", "words", "is_the_end"),
    [
        ([refused(401)], "refuses the key", True),
        ([refused(402)], "no subscription", True),
        ([redirect("https://elsewhere.example/")], "a redirect; that is not followed", True),
        ([refused(404)], "the start of a Tracen's URLs", True),
        ([HTML], "is the endpoint a Tracen server", True),
        ([RESET, RESET], "it may have arrived", True),
        ([refused(500)], "500", False),
    ],
)
def test_target_faults_are_told_in_words(
    server: RunningStrictTracen, faults: list[Fault], words: str, is_the_end: bool
) -> None:
    """What was refused, by whom, and what would help; and whether the rest is worth a try."""
    server.faults.extend(faults)

    with pytest.raises(TracenError) as error:
        target_of(server).take(TRACE)

    told = words_of(error.value, server.endpoint)
    assert words in told
    assert server.endpoint in told
    assert KEY not in told
    assert ends_all(error.value) is is_the_end
