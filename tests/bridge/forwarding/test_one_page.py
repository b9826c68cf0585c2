"""Each trace is one page at the endpoint, whatever comes late, is lost, or is told twice."""

from __future__ import annotations

import json

import pytest

from bridge.forwarding.courier import LATE
from tests.bridge.forwarding.own_tracen import OwnTracen
from tests.bridge.forwarding.scene import later, reasons, steps
from tests.bridge.forwarding.source import Source, name_of, trace_id
from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    RunningStrictTracen,
    refused,
)
from tests.viewer.samples import PLAIN
from tests.viewer.stores import post
from viewer.store.deliveries import DeliveryState

pytestmark = pytest.mark.anyio


async def test_late_span_replaces_the_page_of_a_strict_endpoint(
    source: Source, strict: RunningStrictTracen
) -> None:
    """The old one is deleted first."""
    await source.send((1, 0))
    await source.drain()
    await source.send((1, 1))
    await source.drain()
    assert steps(strict) == [[name_of(1, 0), name_of(1, 1)]]
    assert [request.method for request in strict.requests] == ["PUT", "POST", "DELETE", "POST"]


@pytest.mark.parametrize("refusal", [403, 404, 405, 501])
async def test_late_span_is_told_where_the_endpoint_can_not_take_it(
    source: Source, strict: RunningStrictTracen, refusal: int
) -> None:
    """The first page stays; a 404 is not believed while the page is there. Asked once, not for each trace."""
    strict.manners.delete_refusal = refusal
    for number in (1, 2, 3):
        await source.send((number, 0))
    await source.drain()
    for number in (1, 2, 3):
        await source.send((number, 1))
    await source.drain()
    assert sorted(steps(strict)) == [[name_of(n, 0)] for n in (1, 2, 3)]
    assert await reasons(source) == {(DeliveryState.LATE, LATE): 3}
    assert sum(request.method == "DELETE" for request in strict.requests) == 1
    strict.manners.delete_refusal = None
    await source.restart()
    await source.drain()
    assert [len(names) for names in steps(strict)] == [2, 2, 2]


async def test_lost_answer_is_asked_for_with_the_same_bytes(
    source: Source, strict: RunningStrictTracen
) -> None:
    """Over a restart too; only then does the newer telling go."""
    strict.faults.append(ANSWER_LOST)
    await source.send((1, 0))
    await source.work()
    await later(source, 2)
    await source.send((1, 1))
    await source.restart()
    await source.drain()
    posts = [request for request in strict.requests if request.method == "POST"]
    assert posts[0].body == posts[1].body
    assert posts[0].headers["idempotency-key"] == posts[1].headers["idempotency-key"]
    assert steps(strict) == [[name_of(1, 0), name_of(1, 1)]]


async def test_traces_that_tell_the_same_are_pages_of_their_own(
    source: Source, strict: RunningStrictTracen
) -> None:
    """A strict endpoint sees two bodies that are equal to the byte."""
    for number in (1, 2):
        await source.store.post(
            post(source.key, trace_id(number), source.clock(), json.dumps(PLAIN).encode())
        )
    await source.drain()
    assert len(strict.pages) == 2


async def test_post_without_an_otel_id_is_one_page_at_our_own_service(to_own: Source, own: OwnTracen) -> None:
    """By the id that our store gave it; a later post of the same trace joins it."""
    for prompt in ("first", "second"):
        payload = PLAIN | {"prompt": prompt}
        await to_own.store.post(post(to_own.key, trace_id(1), to_own.clock(), json.dumps(payload).encode()))
        await to_own.drain()
    assert [len(names) for names in own.steps_by_page().values()] == [2]


async def test_endpoint_that_dislikes_the_extension_gets_the_documented_fields(
    to_own: Source, own: OwnTracen
) -> None:
    """And one page all the same, whatever comes later."""
    own.faults.append(refused(422))
    await to_own.send((1, 0))
    await to_own.drain()
    await to_own.send((1, 1))
    await to_own.drain()
    assert list(own.steps_by_page().values()) == [[name_of(1, 0), name_of(1, 1)]]
