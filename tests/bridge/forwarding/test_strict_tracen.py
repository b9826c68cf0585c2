"""The stand-in is as strict and as exact as it is taken for, and our own client sees it so."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings, strategies as st

from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    HTML,
    KEY,
    RESET,
    SLOW_BUT_DONE,
    Fault,
    Manners,
    Request,
    RunningStrictTracen,
    StrictTracen,
    redirect,
    refused,
    strict_tracen,
)
from tracen_otel.allowance import Allowance
from tracen_otel.client import (
    Deletion,
    KeyRefused,
    Overloaded,
    PayloadTooLarge,
    Refused,
    TracenClient,
    TracenError,
    Unreachable,
    UnreadableReply,
    Unsubscribed,
)

STEP = {"name": "plan", "timestamp": "2026-11-24T09:00:00.000Z", "latency_ms": 12}
PAYLOAD: dict[str, Any] = {
    "prompt": "What is the weather?",
    "response": "Sunny.",
    "provider": "openai",
    "model": "gpt-5",
    "status": "success",
    "steps": [STEP],
}


class Clock:
    """Unix time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_795_510_800.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def target(clock: Clock) -> Iterator[RunningStrictTracen]:
    with strict_tracen(clock_s=clock) as running:
        yield running


def client_of(target: RunningStrictTracen, key: str = KEY) -> TracenClient:
    return TracenClient(target.endpoint, key, 5, pause=lambda seconds: True)


def post(client: TracenClient, key: str = "k", **changed: Any) -> str:
    return client.post(json.dumps(PAYLOAD | changed).encode(), key, deadline_s=5).trace_id


def test_stand_in_keeps_a_page_for_each_post(target: RunningStrictTracen) -> None:
    """The same OTel trace id says nothing to it; the page is there for anybody."""
    client = client_of(target)
    first = client.post(json.dumps(PAYLOAD | {"otel_trace_id": "a" * 32}).encode(), "k1", deadline_s=5)
    post(client, "k2", otel_trace_id="a" * 32)

    assert len(target.pages) == len(target.accepted) == 2
    assert urllib3.request("GET", first.url).status == 200
    assert target.refused_by_limit == 0


def test_stand_in_honours_the_idempotency_key(target: RunningStrictTracen) -> None:
    """Same key and body: same page, not counted. Another body: 422."""
    client = client_of(target)

    assert post(client) == post(client)
    with pytest.raises(Refused, match="422"):
        post(client, prompt="another")

    assert len(target.accepted) == 1


@pytest.mark.parametrize("again", Deletion)
def test_stand_in_deletes(target: RunningStrictTracen, again: Deletion) -> None:
    """Deleted once and for all: the page is 410, a second time has the word that it has for that."""
    target.manners.deleted_again = again.value
    client = client_of(target)
    page_id = post(client)

    assert client.delete(page_id, deadline_s=5) is Deletion.DONE
    assert client.delete(page_id, deadline_s=5) is again
    assert client.delete("b0d0e6a4-25f3-4a51-b0ff-6a7a3bbe0f10", deadline_s=5) is Deletion.UNKNOWN
    assert urllib3.request("GET", f"{target.endpoint}/traces/{page_id}").status == 410
    assert target.pages == {}


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_stand_in_may_be_without_deletion(target: RunningStrictTracen, status: int) -> None:
    """Its pages stay, whatever word it has for that."""
    target.manners.delete_refusal = status
    client = client_of(target)
    page_id = post(client)

    if status == 404:
        assert client.delete(page_id, deadline_s=5) is Deletion.UNKNOWN
    else:
        with pytest.raises(Refused, match=str(status)):
            client.delete(page_id, deadline_s=5)

    assert list(target.pages) == [page_id]


def test_stand_in_reserves_no_pages(target: RunningStrictTracen) -> None:
    """That endpoint is not among the documented ones of a strict server."""
    with pytest.raises(Refused, match="404"):
        client_of(target).reserve("a" * 32, 5)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"provider": "OpenAI"}, "provider"),
        ({"provider": ["openai"]}, "provider"),
        ({"status": "ok"}, "status"),
        ({"input_tokens": "7"}, "input_tokens"),
        ({"total_latency_ms": True}, "total_latency_ms"),
        ({"steps": {}}, "steps"),
        ({"steps": [STEP, {"name": "x"}]}, r"steps\[1\].timestamp, steps\[1\].latency_ms"),
        ({"steps": [STEP | {"timestamp": "yesterday"}]}, r"steps\[0\].timestamp"),
    ],
)
def test_stand_in_names_wrong_fields(
    target: RunningStrictTracen, changed: dict[str, Any], field: str
) -> None:
    """422 with the paths, and nothing is kept."""
    with pytest.raises(Refused, match=f"422.*{field}"):
        post(client_of(target), **changed)

    assert target.accepted == []


def test_stand_in_may_refuse_unknown_fields(target: RunningStrictTracen) -> None:
    """By default they are ignored, as the contract has it."""
    post(client_of(target), title="x", steps=[STEP | {"kind": "llm"}])
    target.manners.refuses_unknown_fields = True

    with pytest.raises(Refused, match=r"422.*title, steps\[0\].kind"):
        post(client_of(target), "k2", title="x", steps=[STEP | {"kind": "llm"}])
    post(client_of(target), "k3")

    assert len(target.accepted) == 2


@given(waits=st.lists(st.integers(0, 2000), max_size=40), limit=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_stand_in_limit_is_exact(waits: list[int], limit: int) -> None:
    """No hour has more, and what was refused is accepted after exactly the wait that it was told."""
    clock = Clock()
    service = StrictTracen(Manners(limit=limit), clock)

    for at, wait_s in enumerate(waits):
        clock.now_s += wait_s
        answer = _posted(service, f"k{at}")
        if answer.status == 429:
            clock.now_s += int(answer.headers["Retry-After"]) - 1
            assert _posted(service, f"early{at}").status == 429
            clock.now_s += 1
            assert _posted(service, f"in time{at}").status == 200

    assert service.accepted_within(3600) <= limit


def _posted(service: StrictTracen, idempotency_key: str) -> Any:
    headers = {"x-tracen-key": KEY, "content-type": "application/json", "idempotency-key": idempotency_key}
    return service.answer(Request("POST", "/api/traces", headers, json.dumps(PAYLOAD).encode()))[0]


def test_stand_in_tells_its_limit_where_it_should(target: RunningStrictTracen, clock: Clock) -> None:
    """On every answer to a valid key, a refusal included, or on none."""
    client = client_of(target)
    post(client)
    assert client.allowance is None

    target.manners.tells_limit, target.manners.limit = True, 2
    post(client, "k2")
    assert client.allowance == Allowance(2, 3600, 0, 3600)

    clock.now_s += 600
    with pytest.raises(Overloaded) as refused_by_limit:
        post(client, "k3")

    assert refused_by_limit.value.retry_after_s == 3000
    assert client.allowance == Allowance(2, 3600, 0, 3000)
    assert target.refused_by_limit == 1


def test_stand_in_wants_its_key_and_plain_json_of_a_size(target: RunningStrictTracen) -> None:
    """401, 415 and 413, as documented."""
    target.manners.max_body_bytes = 1000
    with pytest.raises(KeyRefused):
        post(client_of(target, "tracen_sk_wrong"))
    with pytest.raises(PayloadTooLarge):
        post(client_of(target), prompt="x" * 1000)

    headers = {"X-Tracen-Key": KEY, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = gzip.compress(json.dumps(PAYLOAD).encode())
    url = f"{target.endpoint}/api/traces"
    assert urllib3.request("POST", url, body=packed, headers=headers).status == 415
    assert target.accepted == []


@pytest.mark.parametrize(
    ("fault", "error", "is_kept"),
    [
        (RESET, Unreachable, False),
        (ANSWER_LOST, Unreachable, True),
        (SLOW_BUT_DONE, Unreachable, True),
        (HTML, UnreadableReply, False),
        (redirect("http://127.0.0.1:9/api/traces"), Refused, False),
        (refused(402), Unsubscribed, False),
        (refused(413), PayloadTooLarge, False),
        (refused(500), Refused, False),
        (refused(503, Retry_After="7"), Overloaded, False),
    ],
)
def test_stand_in_fails_as_it_is_told(
    target: RunningStrictTracen, fault: Fault, error: type[TracenError], is_kept: bool
) -> None:
    """Once for each fault; a lost answer is given by the next attempt with the same key."""
    target.faults.append(fault)
    client = TracenClient(target.endpoint, KEY, 0.2, pause=lambda seconds: True)

    with pytest.raises(error):
        post(client)
    assert len(target.accepted) == is_kept
    page_id = post(client_of(target))

    assert list(target.pages) == [page_id]


def test_stand_in_comes_back_from_an_outage(target: RunningStrictTracen) -> None:
    """Connections are refused, open ones break off, and afterwards everything is as it was."""
    client = client_of(target)
    page_id = post(client)

    with target.outage(), pytest.raises(Unreachable, match=r"nothing accepts connections|broke off"):
        post(client)

    assert post(client) == page_id
