"""TracenClient against a real server that misbehaves on purpose."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tracen_otel.scripted_server import (
    KEY,
    ScriptedServer,
    Step,
    answer,
    closed_port,
    flood,
    hang,
    page,
    reset,
    scripted_server,
    trickle,
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
from tracen_otel.endpoint import is_loopback
from tracen_otel.published import PublishedTrace

PAYLOAD: dict[str, Any] = {"prompt": "a secret question", "response": "é", "otel_trace_id": "0" * 31 + "1"}
NINE_OCLOCK_S = 1_795_510_800.0  # Tue, 24 Nov 2026 09:00:00 GMT


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


class Waits(list[float]):
    """Stands in for time.sleep: waiting is written down instead of done."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client_of(server: ScriptedServer, timeout_s: float = 5, **arguments: Any) -> TracenClient:
    return TracenClient(server.endpoint, KEY, timeout_s, unix_time=lambda: NINE_OCLOCK_S, **arguments)


def publish(client: TracenClient, deadline_s: float = 10) -> PublishedTrace:
    return client.publish(PAYLOAD, deadline_s=deadline_s)


def test_publish_posts_the_payload_with_key_and_idempotency_key(server: ScriptedServer) -> None:
    """One POST to /api/traces as the contract words it; the answer is the page."""
    published = publish(client_of(server))

    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/traces")
    assert request.payload == PAYLOAD
    assert request.headers["x-tracen-key"] == KEY
    assert 16 <= len(request.headers["idempotency-key"]) <= 255
    assert request.headers["content-type"] == "application/json"
    told = json.loads(page(request))
    assert published == PublishedTrace(told["trace_id"], told["url"], PAYLOAD["otel_trace_id"])


def test_publish_keeps_its_connection(server: ScriptedServer) -> None:
    """A second payload goes over the same connection."""
    client = client_of(server)

    publish(client)
    publish(client)

    assert (len(server.requests), server.connections) == (2, 1)
    client.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_publish_tries_again_when_the_server_says_later(server: ScriptedServer, status: int) -> None:
    """The retryable statuses are tried again with the same body and idempotency key, after a wait."""
    server.script.extend([answer(status), answer(status)])
    waits = Waits()
    client = client_of(server, pause=waits)

    publish(client)

    first, *others = server.requests
    assert [(r.body, r.headers["idempotency-key"]) for r in others] == 2 * [
        (first.body, first.headers["idempotency-key"])
    ]
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1.0
    assert client.retries == 2


@pytest.mark.parametrize(
    ("told", "shortest_s", "longest_s"),
    [
        ("3", 3, 3),
        ("Tue, 24 Nov 2026 09:00:07 GMT", 7, 7),
        ("-1", 0.25, 0.5),
        ("abc", 0.25, 0.5),
        ("0", 0.25, 0.5),
    ],
)
def test_publish_waits_as_long_as_retry_after_says(
    server: ScriptedServer, told: str, shortest_s: float, longest_s: float
) -> None:
    """Seconds and dates are honoured; garbage and zero give the ordinary wait, never a tight loop."""
    server.script.append(answer(503, Retry_After=told))
    waits = Waits()

    publish(client_of(server, pause=waits))

    assert len(waits) == 1
    assert shortest_s <= waits[0] <= longest_s


@pytest.mark.parametrize("told", ["1800", "1000000000000"])
def test_publish_gives_up_at_once_when_asked_to_wait_too_long(server: ScriptedServer, told: str) -> None:
    """A wait beyond the deadline is the caller's to keep: nothing sleeps, and the error tells the wait."""
    server.script.append(answer(429, Retry_After=told))
    waits = Waits()

    with pytest.raises(Overloaded, match="429 Too Many Requests") as refused:
        publish(client_of(server, pause=waits))

    assert refused.value.retryable
    assert refused.value.retry_after_s == min(float(told), 3600)
    assert (len(server.requests), waits) == (1, [])


def test_publish_stops_when_its_pause_is_cut_short(server: ScriptedServer) -> None:
    """A pause that answers True ends the attempts: the program is about to end."""
    server.script.append(answer(503))

    with pytest.raises(Overloaded):
        publish(client_of(server, pause=lambda seconds: True))

    assert len(server.requests) == 1


def test_publish_reaches_a_server_whose_connection_died_without_waiting(server: ScriptedServer) -> None:
    """The first broken connection is replaced at once."""
    server.script.append(reset)
    waits = Waits()

    publish(client_of(server, pause=waits))

    assert (len(server.requests), waits) == (2, [0.0])


@pytest.mark.parametrize("status", [400, 402, 404, 422, 500])
def test_publish_does_not_repeat_what_was_refused(server: ScriptedServer, status: int) -> None:
    """Other statuses are final."""
    server.script.append(answer(status, b"{}"))

    with pytest.raises(Refused, match=str(status)) as refused:
        publish(client_of(server))

    assert not refused.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "error"), [(401, KeyRefused), (403, KeyRefused), (413, PayloadTooLarge)])
def test_publish_tells_a_refused_key_and_a_large_body_apart(
    server: ScriptedServer, status: int, error: type[TracenError]
) -> None:
    """What a caller can act upon has its own type."""
    server.script.append(answer(status))

    with pytest.raises(error):
        publish(client_of(server))


@pytest.mark.parametrize(
    ("reply", "where"),
    [
        (
            b'{"subscribe_url": "https://tracen.example/app/subscription"}',
            "at https://tracen.example/app/subscr",
        ),
        (b'{"subscribe_url": "javascript:alert(1)"}', "from whoever runs the server"),
        (b'{"subscribe_url": "https://tracen.example/\\u001b[2J"}', "from whoever runs the server"),
        (b'{"subscribe_url": ["https://tracen.example/"]}', "from whoever runs the server"),
        (b"<h1>Payment Required</h1>", "from whoever runs the server"),
    ],
)
def test_publish_says_where_to_subscribe(server: ScriptedServer, reply: bytes, where: str) -> None:
    """Once, not to be tried again; of what the server says, nothing but an address gets into the message."""
    server.script.append(answer(402, reply))

    with pytest.raises(Unsubscribed, match=f"402 Payment Required.*{where}") as refused:
        publish(client_of(server))

    assert not refused.value.retryable
    assert refused.value.reason == str(refused.value)
    assert len(server.requests) == 1


def test_publish_names_refused_fields_but_never_their_values(server: ScriptedServer) -> None:
    """Of a 422 the message holds the paths; the server's words may quote the payload."""
    problem = {
        "title": "a secret question",
        "errors": [
            {"field": "steps[2].name", "message": "got 'a secret question'"},
            {"field": "a secret question"},
        ],
    }
    server.script.append(answer(422, json.dumps(problem).encode()))

    with pytest.raises(Refused) as refused:
        publish(client_of(server))

    assert str(refused.value) == "the server answered 422 Unprocessable Entity: steps[2].name"


def test_publish_sends_no_body_over_the_limit(server: ScriptedServer) -> None:
    """More than 5 MiB is refused here: the server would, after reading it all."""
    with pytest.raises(PayloadTooLarge):
        client_of(server).publish({"prompt": "x" * 5_300_000}, deadline_s=5)

    assert server.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_publish_follows_no_redirect(server: ScriptedServer, status: int) -> None:
    """The key goes to the host it was meant for and to no other."""
    with scripted_server() as elsewhere:
        server.script.append(answer(status, Location=f"{elsewhere.endpoint}/api/traces"))

        with pytest.raises(Refused, match="redirect"):
            publish(client_of(server))

        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome to the hotel</html>",
        b"[]",
        b"{}",
        b'{"trace_id": "1", "url": "http://x.test/"}',
        b'{"trace_id": 7, "url": "http://x.test/"}',
        b'{"trace_id": "b0d0e6a4-25f3-4a51-b0ff-6a7a3bbe0f10", "url": "javascript:alert(1)"}',
        b'{"trace_id": "b0d0e6a4-25f3-4a51-b0ff-6a7a3bbe0f10", "url": "http://x.test/\\u001b[31m"}',
        b"\xff\xfe",
        b"[" * 60_000,
    ],
)
def test_publish_takes_no_url_from_something_that_is_no_tracen(server: ScriptedServer, body: bytes) -> None:
    """Whatever else answers 200, nothing of it is printed or raised but UnreadableReply."""
    server.script.append(answer(200, body))

    with pytest.raises(UnreadableReply):
        publish(client_of(server))


def test_publish_reads_a_bounded_part_of_a_reply(server: ScriptedServer) -> None:
    """A reply of 1 GB is left after 64 KiB."""
    server.script.append(flood)
    begin_s = time.monotonic()

    with pytest.raises(UnreadableReply):
        publish(client_of(server))

    assert time.monotonic() - begin_s < 5
    assert publish(client_of(server)).url


@pytest.mark.parametrize(
    "step",
    [
        hang,
        trickle(b"X-Slow: 1\r\n"),
        trickle(b"x"),
        trickle(b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
    ],
    ids=["hang", "trickled headers", "trickled header line", "trickled body"],
)
def test_publish_has_a_wall_that_no_slow_server_moves(server: ScriptedServer, step: Step) -> None:
    """However an answer is dragged out, the call ends about when its deadline does."""
    server.script.extend(20 * [step])
    begin_s = time.monotonic()

    with pytest.raises((Unreachable, UnreadableReply)):  # the trickled body is cut off and then no JSON
        publish(client_of(server, timeout_s=0.3), deadline_s=0.3)

    assert time.monotonic() - begin_s < 2


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        pytest.param(
            f"http://127.0.0.1:{closed_port()}", "nothing accepts connections there", id="closed port"
        ),
        ("http://no-such-host.invalid", "there is no such host"),
    ],
)
def test_publish_says_unreachable_when_nothing_answers(endpoint: str, words: str) -> None:
    """A closed port and an unknown name are retryable, and the message says which it was, and no secret."""
    with pytest.raises(Unreachable, match=words) as error:
        publish(TracenClient(endpoint, KEY, 0.5, pause=Waits()), deadline_s=0.01)

    assert error.value.retryable
    assert not error.value.may_have_arrived
    assert KEY not in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("script", "may_have_arrived"),
    [
        ([reset] * 9, True),
        ([answer(504)] * 9, True),
        ([reset, *[answer(503)] * 9], True),
        ([answer(503)] * 9, False),
    ],
)
def test_publish_tells_whether_a_post_may_have_arrived(
    server: ScriptedServer, script: list[Step], may_have_arrived: bool
) -> None:
    """A lost answer counts, also when a later attempt was refused; so does a gateway's word for a silent server."""
    server.script.extend(script)

    with pytest.raises(TracenError) as error:
        publish(client_of(server, pause=Waits()), deadline_s=1)

    assert error.value.may_have_arrived is may_have_arrived


def test_publish_speaks_tls_only_with_whom_it_can_trust(server: ScriptedServer) -> None:
    """A server that speaks no TLS, or with a wrong certificate, is no answer at all."""
    endpoint = server.endpoint.replace("http:", "https:")

    with pytest.raises(Unreachable, match="no TLS connection that can be trusted"):
        publish(TracenClient(endpoint, KEY, 0.5, pause=lambda seconds: True))


def test_publish_replaces_text_that_is_no_unicode(server: ScriptedServer) -> None:
    """A lone surrogate out of some JSON string costs itself, not the trace."""
    client_of(server).publish({"prompt": "a\ud800b"}, deadline_s=5)

    assert server.requests[0].payload == {"prompt": "a?b"}


def test_client_logs_neither_key_nor_payload(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """At the most talkative level, through failures and success, the log stays clean."""
    caplog.set_level(logging.DEBUG)
    server.script.extend([answer(503), reset, answer()])

    publish(client_of(server, pause=Waits()))

    assert len(server.requests) == 3
    assert KEY not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "127.0.0.1:8000",
        "ftp://x.test",
        "http://",
        "http://x.test:port",
        "http://[::1",
        "http://x.test/\r\nX: y",
        "http://x y.test",
        "http://user:secret@x.test",
        "http://x.test?key=1",
    ],
)
def test_client_refuses_an_endpoint_that_is_no_plain_url(endpoint: str) -> None:
    """A mistyped endpoint is told where it is made, not at the first trace."""
    with pytest.raises(ValueError, match="endpoint: expected a URL"):
        TracenClient(endpoint, KEY)


@pytest.mark.parametrize("key", ["", "  ", "tracen_sk_a\r\nX-Evil: 1", "ключ"])
def test_client_refuses_a_key_that_fits_no_header_without_showing_it(key: str) -> None:
    """The message does not hold what might be a key."""
    with pytest.raises(ValueError, match="key: expected") as refused:
        TracenClient("http://x.test", key)

    assert not key.strip() or key not in str(refused.value)


def test_client_opens_nothing_when_it_is_made() -> None:
    """No socket is there before the first payload, so a fork after construction is harmless."""
    script = f"""
import os
import subprocess
import sys
from tracen_otel.client import TracenClient

def is_open():
    return os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []

before = is_open()
client = TracenClient("http://127.0.0.1:9", {KEY!r})
assert is_open() == before
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from 3.12 on, where there are threads
def test_client_that_was_used_before_a_fork_opens_its_own_connection_after_it(server: ScriptedServer) -> None:
    """Parent and child never share a connection: each gets its own answer."""
    client = client_of(server)
    publish(client)
    child = os.fork()
    if child == 0:  # the child reports by its exit status alone, and never runs on into the tests
        try:
            os._exit(0 if publish(client).url else 1)
        finally:
            os._exit(1)
    publish(client)

    assert os.waitpid(child, 0)[1] == 0
    assert (len(server.requests), server.connections) == (3, 2)


def test_publish_packs_what_leaves_the_machine(server: ScriptedServer) -> None:
    """A body goes out as gzip where that is worth it: not to this machine, and not a body of a few bytes."""
    long = PAYLOAD | {"response": "over and over " * 1000}
    for compress in (None, True):
        client_of(server, compress=compress).publish(long, deadline_s=5)
    publish(client_of(server, compress=True))

    plain, packed, short = server.requests
    assert ("content-encoding" in plain.headers, "content-encoding" in short.headers) == (False, False)
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(plain.body) / 10
    assert packed.payload == plain.payload == long


@pytest.mark.parametrize("status", [400, 415, 422])
def test_publish_packs_nothing_for_a_server_that_does_not_unpack(server: ScriptedServer, status: int) -> None:
    """Its refusal is answered with the plain body, and the next post begins with it."""
    long = PAYLOAD | {"response": "over and over " * 1000}
    server.script.append(answer(status))
    client = client_of(server, compress=True)

    for _ in range(2):
        client.publish(long, deadline_s=5)

    assert ["content-encoding" in request.headers for request in server.requests] == [True, False, False]


@pytest.mark.parametrize(
    ("endpoint", "is_near"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost", True),
        ("https://tracen.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_endpoint_on_this_machine_is_known(endpoint: str, is_near: bool) -> None:
    """Only an address that can not leave the machine counts."""
    assert is_loopback(endpoint) is is_near


def test_reserve_asks_for_a_page_ahead_of_its_payload(server: ScriptedServer) -> None:
    """One PUT with the key, which names the trace; what is published later has the same page."""
    client = client_of(server)

    reserved = client.reserve("0" * 31 + "1", 5)
    published = publish(client)

    (request,) = server.reservations
    assert (request.method, request.path) == ("PUT", "/api/traces/by-otel/" + "0" * 31 + "1")
    assert (request.headers["x-tracen-key"], request.body) == (KEY, b"")
    assert reserved == published


def test_reserve_tells_a_server_that_does_not_know_it(server: ScriptedServer) -> None:
    """404 and 405 are answers, not failures to try again."""
    server.reserve_script.append(answer(404))

    with pytest.raises(Refused, match="404"):
        client_of(server).reserve("0" * 31 + "1", 5)
    assert len(server.reservations) == 1


def test_publish_believes_a_refusal_of_a_server_that_unpacks(server: ScriptedServer) -> None:
    """What it refuses then is the payload, and not how it came."""
    long = PAYLOAD | {"response": "over and over " * 1000}
    server.script.extend([answer(), answer(422)])
    client = client_of(server, compress=True)
    client.publish(long, deadline_s=5)

    with pytest.raises(Refused):
        client.publish(long, deadline_s=5)

    assert len(server.requests) == 2


# -- post, delete, allowance -----------------------------------------------------------------------------

PAGE_ID = "b0d0e6a4-25f3-4a51-b0ff-6a7a3bbe0f10"


def test_post_sends_the_bytes_that_it_is_given(server: ScriptedServer) -> None:
    """To the byte and under the caller's key, however often: whoever kept both can send them again years later."""
    body, client = b'{ "prompt" : "a" }', client_of(server, pause=Waits())
    server.script.append(answer(503))

    published = client.post(body, "the-key", deadline_s=10)

    assert [(r.body, r.headers["idempotency-key"]) for r in server.requests] == 2 * [(body, "the-key")]
    assert published.otel_trace_id is None
    assert published.url == f"http://tracen.test/traces/{published.trace_id}"


def test_post_sends_no_body_over_the_limit(server: ScriptedServer) -> None:
    """As publish does not."""
    with pytest.raises(PayloadTooLarge):
        client_of(server).post(b" " * 5_242_881, "the-key", deadline_s=5)

    assert server.requests == []


@pytest.mark.parametrize("told", Deletion)
def test_delete_tells_what_the_server_said(server: ScriptedServer, told: Deletion) -> None:
    """Deleted, unknown and deleted before are answers, all three, after as many attempts as it takes."""
    server.script.extend([reset, answer(503), answer(told.value)])

    assert client_of(server, pause=Waits()).delete(PAGE_ID.upper(), deadline_s=10) is told

    assert {(r.method, r.path, r.body) for r in server.requests} == {
        ("DELETE", f"/api/traces/{PAGE_ID}", b"")
    }
    assert server.requests[0].headers["x-tracen-key"] == KEY


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, UnreadableReply),
        (302, Refused),
        (401, KeyRefused),
        (403, KeyRefused),
        (405, Refused),
        (501, Refused),
    ],
)
def test_delete_raises_what_is_no_answer_to_it(
    server: ScriptedServer, status: int, error: type[TracenError]
) -> None:
    """A server that does not delete, and one that is none, are errors; `status` tells which."""
    server.script.append(answer(status, b"<h1>Welcome</h1>"))

    with pytest.raises(error) as refused:
        client_of(server).delete(PAGE_ID, deadline_s=5)

    assert refused.value.status == (None if status == 200 else status)


@pytest.mark.parametrize("page_id", ["", "../../admin", "1", f"{PAGE_ID}/../x"])
def test_delete_takes_a_page_id_alone(server: ScriptedServer, page_id: str) -> None:
    """What is no UUID gets into no path."""
    with pytest.raises(ValueError, match="UUID"):
        client_of(server).delete(page_id, deadline_s=5)

    assert server.requests == []


def test_client_knows_what_the_last_answer_told_of_the_limit(server: ScriptedServer) -> None:
    """Whatever the answer was; nothing before the first, and nothing after one that does not tell."""
    client = client_of(server, pause=lambda seconds: True)
    policy, state = '"hour";q=5;w=3600', '"hour";r=0;t=60'
    told = [answer(status, RateLimit_Policy=policy, RateLimit=state) for status in (429, 200)]
    server.script.extend([*told, answer(200)])
    seen = [client.allowance]

    with pytest.raises(Overloaded):
        publish(client)
    seen.append(client.allowance)
    for _ in range(2):
        publish(client)
        seen.append(client.allowance)

    assert seen == [None, Allowance(5, 3600, 0, 60), Allowance(5, 3600, 0, 60), None]
