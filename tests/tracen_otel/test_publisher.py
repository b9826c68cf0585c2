"""From spans to a post: what is sent, what is not, and under which idempotency key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from tests.tracen_otel.readable_spans import readable_span, root_span
from tests.tracen_otel.scripted_server import KEY, ScriptedServer, answer, scripted_server
from tracen_otel.client import PayloadTooLarge, TracenClient
from tracen_otel.pending import Parcel
from tracen_otel.publisher import Publisher


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


class Dropped(Counter[str]):
    def __call__(self, reason: str, spans: int) -> None:
        self[reason] += spans


def publisher_of(server: ScriptedServer, dropped: Dropped | None = None) -> Publisher:
    client = TracenClient(server.endpoint, KEY, 5)
    return Publisher(client, Dropped() if dropped is None else dropped, llm_only=True, extended=True)


def test_publisher_uses_one_idempotency_key_for_the_same_spans(server: ScriptedServer) -> None:
    """A post whose answer was lost is the same post; with more spans, or from another process, it is not."""
    publisher, other = publisher_of(server), publisher_of(server)
    once, more = Parcel(1, (root_span(1),)), Parcel(1, (root_span(1), readable_span(1, 2)))
    for parcel in (once, once, more):
        publisher.publish(parcel, 5)
    other.publish(once, 5)

    first, again, later, elsewhere = [request.headers["idempotency-key"] for request in server.requests]
    assert first == again
    assert server.requests[0].body == server.requests[1].body
    assert len({first, later, elsewhere}) == 3
    assert all(len(key) <= 255 for key in (first, later, elsewhere))


class Broken(ReadableSpan):
    @property
    def name(self) -> str:
        raise RuntimeError("no name")


def test_publisher_leaves_out_a_span_it_can_not_read(server: ScriptedServer) -> None:
    """One broken span is counted; the others make the page."""
    dropped = Dropped()
    broken = Broken("x", root_span(1).context)

    publisher_of(server, dropped).publish(Parcel(1, (broken, root_span(1))), 5)

    assert [step["name"] for step in server.requests[0].payload["steps"]] == ["span 1"]
    assert dropped == {"unreadable": 1}


def test_publisher_sends_nothing_when_no_span_can_be_read(server: ScriptedServer) -> None:
    """A trace of which nothing is left is no page."""
    assert publisher_of(server).publish(Parcel(1, (Broken("x", root_span(1).context),)), 5) is None
    assert server.requests == []


def test_publisher_tries_smaller_forms_when_the_server_takes_less(server: ScriptedServer) -> None:
    """A server with a lower limit gets a shorter trace, which says so."""
    server.script.extend([answer(413), answer(413)])
    span = readable_span(
        1, 1, None, attributes={"openinference.span.kind": "LLM", "input.value": "x" * 50_000}
    )

    assert publisher_of(server).publish(Parcel(1, (span,)), 5) is not None

    sizes = [len(request.body) for request in server.requests]
    assert len(sizes) == 3
    assert sizes[2] < 50_000 < sizes[0]
    assert "10,000 characters" in server.requests[2].payload["notes"][-1]


def test_publisher_gives_up_when_no_form_is_small_enough(server: ScriptedServer) -> None:
    """A server that takes nothing at all is told apart from one that takes less."""
    server.script.extend([answer(413)] * 20)

    with pytest.raises(PayloadTooLarge):
        publisher_of(server).publish(Parcel(1, (root_span(1),)), 5)
