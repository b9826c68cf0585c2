"""From spans to a post: what is sent, what is not, and under which idempotency key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.types import AnyValue

from tests.tracen_otel.readable_spans import readable_span, root_span
from tests.tracen_otel.scripted_server import KEY, ScriptedServer, answer, scripted_server
from tracen_otel.client import PayloadTooLarge, Refused, TracenClient
from tracen_otel.content import NOT_CAPTURED
from tracen_otel.fields import TRACE_FIELDS
from tracen_otel.pending import Parcel
from tracen_otel.publisher import Publisher
from tracen_otel.redact import Redaction


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


class Dropped(Counter[str]):
    def __call__(self, reason: str, spans: int) -> None:
        self[reason] += spans


def publisher_of(
    server: ScriptedServer,
    dropped: Dropped | None = None,
    *,
    capture_content: bool = True,
    extended: bool | None = True,
    on_strict: Callable[[], None] = lambda: None,
) -> Publisher:
    client = TracenClient(server.endpoint, KEY, 5)
    return Publisher(
        client,
        Dropped() if dropped is None else dropped,
        redaction=Redaction(True),
        capture_content=capture_content,
        llm_only=True,
        extended=extended,
        on_strict=on_strict,
    )


def test_publisher_uses_one_idempotency_key_for_the_same_spans(server: ScriptedServer) -> None:
    """A post whose answer was lost is the same post, also from the next process; with more spans it is not."""
    publisher, other = publisher_of(server), publisher_of(server)
    once, more = Parcel(1, (root_span(1),)), Parcel(1, (root_span(1), readable_span(1, 2)))
    for parcel in (once, once, more):
        publisher.publish(parcel, 5)
    other.publish(once, 5)

    first, again, later, elsewhere = [request.headers["idempotency-key"] for request in server.requests]
    assert first == again
    assert server.requests[0].body == server.requests[1].body
    assert first == elsewhere != later
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

    whole, short, bare = server.requests
    assert whole.payload["form"] == "spans"
    assert len(bare.body) < len(short.body) < len(whole.body) * 3
    assert "attributes" not in bare.payload["steps"][0]
    assert "attributes and events were left out" in bare.payload["notes"][-1]


def test_publisher_gives_up_when_no_form_is_small_enough(server: ScriptedServer) -> None:
    """A server that takes nothing at all is told apart from one that takes less."""
    server.script.extend([answer(413)] * 20)

    with pytest.raises(PayloadTooLarge):
        publisher_of(server).publish(Parcel(1, (root_span(1),)), 5)


@pytest.mark.parametrize("status", [400, 422])
def test_publisher_falls_back_to_the_documented_fields_and_remembers(
    server: ScriptedServer, status: int
) -> None:
    """A strict server that refuses the extension gets the plain payload, at once and from then on."""
    told: list[str] = []
    server.script.append(answer(status))
    publisher = publisher_of(server, extended=None, on_strict=lambda: told.append("strict"))

    published = [publisher.publish(Parcel(n, (root_span(n),)), 5) for n in (1, 2)]

    extended, plain, next_one = (request.payload for request in server.requests)
    assert "otel_trace_id" in extended
    assert set(plain) == set(next_one) == {field.name for field in TRACE_FIELDS if field.documented}
    assert all(set(step) == {"name", "timestamp", "latency_ms"} for step in plain["steps"])
    assert (all(published), told) == (True, ["strict"])


def test_publisher_believes_a_refusal_that_the_form_is_not_to_blame_for(server: ScriptedServer) -> None:
    """Where the plain payload is refused too, the first refusal is told, and the extension is tried again."""
    first = b'{"title": "no", "errors": [{"field": "steps[0].name", "message": "x"}]}'
    server.script.extend([answer(422, first), answer(400)])
    publisher = publisher_of(server, extended=None)

    with pytest.raises(Refused, match=r"422 .*steps\[0\].name"):
        publisher.publish(Parcel(1, (root_span(1),)), 5)
    publisher.publish(Parcel(2, (root_span(2),)), 5)

    assert "otel_trace_id" in server.requests[2].payload


def test_publisher_sends_a_trace_that_was_asked_for_whatever_is_in_it(server: ScriptedServer) -> None:
    """Somebody was given its URL."""
    publisher = publisher_of(server)
    plain = readable_span(1, 1, None, attributes={})

    assert publisher.publish(Parcel(1, (plain,)), 5) is None
    publisher.ask_for(1)
    assert publisher.publish(Parcel(1, (plain,)), 5) is not None


def test_publisher_sends_no_content_when_none_is_captured(server: ScriptedServer) -> None:
    """Model, tokens and times go out; what was said stays, wherever it stands."""
    said: dict[str, AnyValue] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-5",
        "llm.token_count.prompt": 7,
        "input.value": "canary-prompt",
        "output.value": "canary-answer",
        "llm.input_messages.0.message.content": "canary-message",
        "my.own.note": "canary-note",
        "server.address": "api.openai.com",
    }
    span = readable_span(1, 1, None, attributes=said)

    publisher_of(server, capture_content=False).publish(Parcel(1, (span,)), 5)

    (request,) = server.requests
    (step,) = request.payload["steps"]
    assert b"canary" not in request.body
    assert (step["kind"], step["model"], step["input_tokens"]) == ("llm", "gpt-5", 7)
    assert step["attributes"]["server.address"] == "api.openai.com"
    assert request.payload["notes"] == [NOT_CAPTURED]


def test_publisher_does_not_mistake_a_refused_trace_for_a_strict_server(server: ScriptedServer) -> None:
    """A server that has taken the extension before refuses the trace, and not the form."""
    server.script.extend([answer(), answer(422)])
    publisher = publisher_of(server, extended=None)
    publisher.publish(Parcel(1, (root_span(1),)), 5)

    with pytest.raises(Refused):
        publisher.publish(Parcel(2, (root_span(2),)), 5)
    publisher.publish(Parcel(3, (root_span(3),)), 5)

    assert ["otel_trace_id" in request.payload for request in server.requests] == [True, True, True]
