"""Backends as bad as they come: one warning at most, nothing waits, nothing leaks, and the program goes on."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.bridge.certificates import EXPIRED, make_pair
from tests.tracen_otel.readable_spans import root_span
from tests.tracen_otel.scripted_server import (
    KEY,
    Request,
    ScriptedServer,
    Step,
    answer,
    closed_port,
    flood,
    hang,
    reset,
    scripted_server,
    trickle,
)
from tests.tracen_otel.surroundings.tls import tls_server
from tracen_otel import TracenSpanExporter

LOST = "the program ended before they could be published"


def raw(reply: bytes) -> Step:
    """Say just this and close."""

    def step(sock: socket.socket, request: Request) -> None:
        sock.sendall(reply)
        raise ConnectionAbortedError("as the script says")

    return step


def then_reset(reply: bytes) -> Step:
    """Begin an answer, then RST."""

    def step(sock: socket.socket, request: Request) -> None:
        sock.sendall(reply)
        time.sleep(0.02)  # so that the beginning is read before the reset throws it away
        reset(sock, request)

    return step


@pytest.fixture(autouse=True)
def record_everything(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens in a test of this file, no log line of any logger holds the key."""
    caplog.set_level(logging.DEBUG)
    yield
    assert KEY not in caplog.text
    assert KEY.removeprefix("tracen_sk_") not in caplog.text


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "tracen_otel" and record.levelno >= logging.WARNING
    ]


def export_to(endpoint: str, timeout: float = 0.5) -> TracenSpanExporter:
    """Make an exporter that has taken one trace, and has had its time to publish it."""
    exporter = TracenSpanExporter(endpoint=endpoint, key=KEY, timeout=timeout)
    begin_s = time.monotonic()
    assert exporter.export([root_span(1)]) is SpanExportResult.SUCCESS
    exporter.force_flush(5000)
    assert time.monotonic() - begin_s < 30, "flush waited longer than it was told to"
    return exporter


# -- no way to the server ------------------------------------------------------------------------------


@contextlib.contextmanager
def no_such_name(folder: Path) -> Iterator[str]:
    yield "http://no-such-host.invalid:8000"


@contextlib.contextmanager
def refused(folder: Path) -> Iterator[str]:
    yield f"http://127.0.0.1:{closed_port()}"


@contextlib.contextmanager
def unroutable(folder: Path) -> Iterator[str]:
    """A listener whose queue is full drops SYN packets, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def expired_certificate(folder: Path) -> Iterator[str]:
    with tls_server(make_pair(folder, "trusted", EXPIRED)) as server:
        yield server.endpoint


@contextlib.contextmanager
def wrong_name(folder: Path) -> Iterator[str]:
    """127.1 is the same address, and a name that the certificate does not have."""
    with tls_server(make_pair(folder, "trusted"), host="127.1") as server:
        yield server.endpoint


@contextlib.contextmanager
def untrusted_certificate(folder: Path) -> Iterator[str]:
    make_pair(folder, "trusted")
    with tls_server(make_pair(folder, "stranger")) as server:
        yield server.endpoint


NO_WAY = {
    "DNS failure": (no_such_name, "there is no such host"),
    "connection refused": (refused, "nothing accepts connections there"),
    "packets dropped": (unroutable, "connecting took too long"),
    "TLS expired": (expired_certificate, "no TLS connection that can be trusted"),
    "TLS of a stranger": (untrusted_certificate, "no TLS connection that can be trusted"),
    "wrong host name": (wrong_name, "no TLS connection that can be trusted"),
}


@pytest.mark.parametrize("fault", NO_WAY)
def test_exporter_without_a_way_to_its_server_warns_once(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trace is kept and the reason told in words, once; what is exported meanwhile is kept as well."""
    opened, words = NO_WAY[fault]
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.crt"))
    with opened(tmp_path) as endpoint:
        exporter = export_to(endpoint, timeout=0.5 if opened is unroutable else 4)
        assert exporter.export([root_span(2)]) is SpanExportResult.SUCCESS
        assert not exporter.force_flush(100)

        assert exporter.counts.dropped == {}
        (warning,) = warnings_of(caplog)
        assert words in warning
        exporter.shutdown(100)
    assert exporter.counts.dropped == {LOST: 2}
    assert len(warnings_of(caplog)) == 2


def test_exporter_trusts_what_the_machine_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the right certificate and name the same server is posted to."""
    pair = make_pair(tmp_path, "trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(pair.cert))
    with tls_server(pair) as server:
        exporter = export_to(server.endpoint, timeout=5)
        exporter.shutdown()

    assert (len(server.requests), exporter.counts.published) == (1, 1)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_exporter_reaches_a_server_that_has_ipv6_alone() -> None:
    """An address in brackets, as URLs have it."""
    try:
        with scripted_server(host="::1") as server:
            exporter = export_to(f"http://[::1]:{server.port}", timeout=5)
            exporter.shutdown()
    except OSError as error:
        pytest.skip(f"no IPv6 on loopback: {error}")

    assert (len(server.requests), exporter.counts.published) == (1, 1)


# -- answers that are none -----------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
UNANSWERED: dict[str, Step] = {
    "hangs": hang,
    "RST at once": reset,
    "RST after headers": then_reset(HEAD),
    "RST within the body": then_reset(HEAD + b'{"trace_id": "'),
    "one byte at a time": trickle(b"x"),
    "closes without a word": raw(b""),
    "garbage instead of headers": raw(b"\x16\x03\x01\x00\xff\x00\n\n"),
    "SSH": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP/9": raw(b"HTTP/9.9 200 OK\r\n\r\n"),
    "a status that is no number": raw(b"HTTP/1.1 OK\r\n\r\n"),
    "headers without end": raw(b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 500 + b"\r\n"),
    "a header without end": raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n"),
    "a chunk that is none": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
}


@pytest.mark.parametrize("fault", UNANSWERED)
def test_exporter_keeps_a_trace_that_was_not_answered(
    fault: str, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer, or half of one: the trace is tried again under the same idempotency key."""
    server.script.extend(200 * [UNANSWERED[fault]])

    exporter = export_to(server.endpoint)

    assert exporter.counts.dropped == {}
    assert len(warnings_of(caplog)) == 1
    server.script.clear()
    exporter.shutdown()
    assert len({post.headers["idempotency-key"] for post in server.requests}) == 1
    assert exporter.counts.published == 1


REFUSED: dict[str, tuple[Step, str]] = {
    "broken JSON": (answer(200, b'{"trace_id": "12'), "is the endpoint a Tracen server?"),
    "empty": (answer(200, b" "), "is the endpoint a Tracen server?"),
    "1 GB": (flood, "is the endpoint a Tracen server?"),
    "gzip that is none": (answer(200, b"{}", Content_Encoding="gzip"), "is the endpoint a Tracen server?"),
    "404": (answer(404), "404 Not Found"),
    "418": (answer(418), "418 I'm a Teapot"),
    "599": (answer(599), "599"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_exporter_gives_up_on_what_was_answered_otherwise(
    fault: str, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that no repetition would change costs this trace, with one warning, and no other."""
    step, words = REFUSED[fault]
    server.script.append(step)

    exporter = export_to(server.endpoint, timeout=5)
    exporter.export([root_span(2)])
    exporter.force_flush()
    exporter.shutdown()

    assert (exporter.counts.published, sum(exporter.counts.dropped.values())) == (1, 1)
    (warning,) = warnings_of(caplog)
    assert words in warning


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_exporter_takes_its_key_to_no_other_host(status: int, server: ScriptedServer) -> None:
    """A redirect is not followed, also not under the simplest of disguises."""
    with scripted_server() as elsewhere:
        for location in (f"{elsewhere.endpoint}/api/traces", f"//127.0.0.1:{elsewhere.port}/"):
            server.script.append(answer(status, Location=location, Refresh=f"0; url={location}"))
        exporter = export_to(server.endpoint, timeout=5)
        exporter.export([root_span(2)])
        exporter.force_flush()
        exporter.shutdown()

        assert (len(server.requests), elsewhere.connections) == (2, 0)


# -- later, says the server ----------------------------------------------------------------------------

IN_HALF_AN_HOUR = "a date"


@pytest.mark.parametrize("told", ["1800", IN_HALF_AN_HOUR, "1000000000000"])
@pytest.mark.parametrize("status", [429, 503])
def test_exporter_waits_as_long_as_it_is_told_and_keeps_its_traces(
    status: int, told: str, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Seconds or a date: no second post before it, no wait in export or flush, and 10^12 is taken for an hour."""
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)
    server.script.append(answer(status, Retry_After=date if told == IN_HALF_AN_HOUR else told))

    exporter = export_to(server.endpoint, timeout=5)
    exporter.export([root_span(2)])
    assert not exporter.force_flush(5000)
    exporter.shutdown()

    assert len(server.requests) == 1
    next_try_s = float(warnings_of(caplog)[0].split("next try in ")[1].removesuffix(" s"))
    assert next_try_s == 3600 if len(told) == 13 else 1700 <= next_try_s <= 1800
    assert exporter.counts.dropped == {LOST: 2}


@pytest.mark.parametrize("told", ["-1", "abc", "", "0", "1e3", "١٢", None])
def test_exporter_backs_off_by_itself_when_retry_after_makes_no_sense(
    told: str | None, server: ScriptedServer
) -> None:
    """Garbage, nothing and zero give the ordinary pauses: a few posts, never a flood of them."""
    step = answer(429) if told is None else answer(429, Retry_After=told)
    server.script.extend([step, step])

    exporter = export_to(server.endpoint, timeout=10)
    exporter.shutdown()

    assert (len(server.requests), exporter.counts.published) == (3, 1)
    assert exporter.counts.retries == 2
