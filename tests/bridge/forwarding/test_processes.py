"""Forwarding from outside: real processes that are ended, killed and started again, real SDKs, real endpoints.

What chance decides is told by a seed, which a failure names.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner

from bridge.cli import tracen as command_line
from tests.bridge.forwarding.forwarder import (
    QUICK,
    TIMEOUT_S,
    Forwarder,
    export,
    free_port,
    names_in,
    otel_id_of,
    pages_at,
    run_of,
    wait_until,
)
from tests.bridge.forwarding.strict_tracen import (
    ANSWER_LOST,
    KEY,
    RESET,
    SLOW_BUT_DONE,
    Manners,
    RunningStrictTracen,
    refused,
    strict_tracen,
)
from tests.processes import READY, TracenProcess, start_tracen
from tests.viewer.samples import PLAIN

SEEDS = [int(text) for text in os.environ.get("SEEDS", "1").split(",")]
"""SEEDS=1,2,3 tries other moments."""


class OwnEndpoint:
    """Another `tracen serve`, on one port through outages."""

    def __init__(self, db: Path, *more: str) -> None:
        self._db, self._more = db, ("--port", str(free_port()), *more)
        self.process = start_tracen(db, *self._more)
        self.key = self.process.key

    @property
    def url(self) -> str:
        return self.process.http

    def stop(self) -> None:
        self.process.stop()
        self.process.close()

    def start(self) -> None:
        self.process = start_tracen(self._db, *self._more, key=self.key)

    def pages(self) -> dict[str, list[str]]:
        """Step names by OTel trace id, of every page."""
        told = pages_at(self.process, self.key)
        found = {page["otel_trace_id"]: names_in(page) for page in told}
        assert len(found) == len(told), "two pages of one trace"
        return found

    def refused_by_limit(self) -> float:
        """How many posts its limit had to refuse, ever since it was started."""
        text = httpx2.get(f"{self.url}/metrics", trust_env=False, timeout=TIMEOUT_S).text
        lines = [line for line in text.splitlines() if line.startswith("tracen_requests") and "limit" in line]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def end(self) -> None:
        if self.process.process.poll() is None:
            self.process.kill()
        self.process.close()


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[OwnEndpoint]:
    running = OwnEndpoint(tmp_path / "endpoint.db", "--requests-per-hour", "1000")
    yield running
    running.end()


@pytest.fixture
def strict() -> Iterator[RunningStrictTracen]:
    with strict_tracen(Manners(refuses_unknown_fields=True)) as running:
        yield running


def names_of(spans: list[Any]) -> list[str]:
    return sorted(span.name for span in spans)


def strict_pages(strict: RunningStrictTracen) -> list[list[str]]:
    return sorted(names_in(payload) for payload in strict.pages.values())


# -- stages ----------------------------------------------------------------------------------------------


def test_forwarding_tells_the_truth_at_each_stage(tmp_path: Path, endpoint: OwnEndpoint) -> None:
    """Nothing yet; an outage; delivered; a late span; without a running server."""
    forwarder = Forwarder(tmp_path / "own.db", endpoint.url, endpoint.key)
    try:
        assert (told := forwarder.status())["waiting"] == told["delivered"] == 0
        assert told["is_running"]
        assert told["to"] == endpoint.url
        endpoint.stop()

        spans = run_of("a run", 3)
        late, *rest = spans
        assert export(forwarder.process, rest)
        wait_until(lambda: forwarder.status()["last_failure"], "the outage is told")
        told = forwarder.status()
        assert (told["waiting"], told["delivered"]) == (1, 0)
        assert "nothing accepts connections there" in told["last_failure"]
        words = forwarder.status_words()
        assert "waiting 1" in words
        assert "nothing accepts connections there" in words
        wait_until(lambda: forwarder.metric("tracen_forward_waiting") == 1, "/metrics tells that one waits")

        endpoint.start()
        wait_until(lambda: forwarder.status()["delivered"] == 1, "it is delivered")
        assert endpoint.pages() == {otel_id_of(spans): names_of(rest)}
        wait_until(lambda: forwarder.metric("tracen_forward_delivered") == 1, "/metrics tells of it")
        told = forwarder.status()
        assert (told["waiting"], told["recent_posts"], told["limit"]) == (0, 1, 1000)

        assert export(forwarder.process, [late], over_grpc=True)
        wait_until(lambda: endpoint.pages() == {otel_id_of(spans): names_of(spans)}, "the late span is there")
        forwarder.terminate()
        arguments = [
            "push",
            otel_id_of(spans),
            "--to",
            endpoint.url,
            "--key",
            endpoint.key,
            "--db",
            str(forwarder.db),
        ]
        pushed = CliRunner().invoke(command_line, arguments)
        assert pushed.exit_code == 0, pushed.output
        assert endpoint.pages() == {otel_id_of(spans): names_of(spans)}, "pushed, it has the page that it had"
        told = forwarder.status()
        assert (told["is_running"], told["waiting"], told["delivered"]) == (False, 0, 1)
        assert told["recent_posts"] == 2
    finally:
        forwarder.end()


def test_forward_command_delivers_and_refuses_a_second_server(
    tmp_path: Path, strict: RunningStrictTracen
) -> None:
    """`tracen forward --to`, with a filter; a server that has the file already is told of."""
    db = tmp_path / "own.db"
    command = [
        sys.executable,
        "-m",
        "bridge",
        "forward",
        "--to",
        strict.endpoint,
        "--only",
        "llm",
        "--db",
        str(db),
    ]
    ports = ["--port", "0", "--otlp-grpc-port", "0", "--otlp-http-port", "0"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            [*command, *QUICK, *ports, "--key", KEY], stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready = READY.fullmatch(process.stdout.readline())
            assert ready is not None, (tmp_path / "log").read_text()
            key = (tmp_path / "log").read_text().partition("tracen_sk_")[2].split()[0]
            tracen = TracenProcess(process, db, ready[1], ready[2], ready[3], f"tracen_sk_{key}")
            assert export(tracen, spans := run_of("wanted"))
            plain = httpx2.post(
                f"{tracen.otlp_http}/v1/traces",
                json={
                    "resourceSpans": [
                        {
                            "scopeSpans": [
                                {"spans": [{"traceId": "b" * 32, "spanId": "c" * 16, "name": "GET /"}]}
                            ]
                        }
                    ]
                },
                headers={"x-tracen-key": tracen.key},
                trust_env=False,
            )
            assert plain.status_code == 200
            second = subprocess.run(
                [*command, "--key", KEY], capture_output=True, text=True, timeout=TIMEOUT_S
            )
            assert second.returncode == 2
            assert "--forward-to" in second.stderr
            wait_until(lambda: strict.pages, "the wanted one is delivered")
            process.terminate()
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
    assert strict_pages(strict) == [names_of(spans)]
    assert KEY not in (tmp_path / "log").read_text()


# -- limits ----------------------------------------------------------------------------------------------


def test_forwarding_never_exceeds_the_limit_of_our_own_service(tmp_path: Path) -> None:
    """Three an hour: three are delivered, two wait and say until when, no post is ever refused."""
    endpoint = OwnEndpoint(tmp_path / "endpoint.db", "--requests-per-hour", "3")
    forwarder = Forwarder(tmp_path / "own.db", endpoint.url, endpoint.key)
    try:
        for number in range(5):
            assert export(forwarder.process, run_of(f"run {number}"))
        wait_until(lambda: len(endpoint.pages()) == 3, "three are delivered")
        wait_until(lambda: forwarder.status()["waits_for"], "it waits for the limit")
        told = forwarder.status()
        assert (told["waiting"], told["delivered"], told["recent_posts"], told["limit"]) == (2, 3, 3, 3)
        assert "waiting 2" in forwarder.status_words()
        assert "3 of 3 in the last hour" in forwarder.status_words()
        forwarder.kill()
        forwarder.start()
        assert export(forwarder.process, run_of("run 5"))
        wait_until(lambda: forwarder.status()["waiting"] == 3, "the sixth waits as well")
        assert len(endpoint.pages()) == 3
        assert endpoint.refused_by_limit() == 0
    finally:
        forwarder.end()
        endpoint.end()


@pytest.mark.parametrize("tells_limit", [True, False])
def test_forwarding_waits_for_others_that_use_the_same_key(
    tmp_path: Path, strict: RunningStrictTracen, tells_limit: bool
) -> None:
    """They have used the limit up: told beforehand it is not tried; else 429 is waited for, exactly, once."""
    strict.manners = Manners(limit=1, window_s=4, refuses_unknown_fields=True, tells_limit=tells_limit)
    headers = {"x-tracen-key": KEY}
    others = httpx2.post(f"{strict.endpoint}/api/traces", json=PLAIN, headers=headers, trust_env=False)
    assert others.status_code == 200
    forwarder = Forwarder(tmp_path / "own.db", strict.endpoint, KEY, "--forward-quiet", "1")
    try:
        strict.manners.window_s = 8
        assert export(forwarder.process, spans := run_of("a run"))
        wait_until(lambda: len(strict.pages) == 2, "it is delivered")
        forwarder.terminate()
    finally:
        forwarder.end()
    assert strict.refused_by_limit == (0 if tells_limit else strict.refused_by_limit)
    assert strict.refused_by_limit <= 1
    assert names_of(spans) in strict_pages(strict)
    assert strict.accepted_within(8) == 1


# -- ends and outages at random --------------------------------------------------------------------------


class Chaos:
    """Sends runs in pieces, with duplicates and late spans, while processes end."""

    def __init__(self, forwarder: Forwarder, seed: int) -> None:
        self._forwarder = forwarder
        self._random = random.Random(seed)
        self.runs = [run_of(f"run {number}", self._random.randint(1, 4)) for number in range(6)]
        pieces = [[span] for run in self.runs for span in run]
        pieces += self._random.sample(pieces, 4)  # sent again
        pieces += self._random.sample(self.runs, 2)
        self._random.shuffle(pieces)
        self._pieces = pieces

    @property
    def wanted(self) -> list[list[str]]:
        return sorted(map(names_of, self.runs))

    def go_on(self, outage: Any) -> None:
        """Send everything; ends and outages come in between."""
        at = set(self._random.sample(range(len(self._pieces)), 4))
        for number, piece in enumerate(self._pieces):
            while not export(self._forwarder.process, piece, over_grpc=self._random.random() < 0.3):
                pass
            if number in at:
                self._random.choice((self._end, self._kill, self._kill, outage))()
                time.sleep(self._random.uniform(0, 1.5))  # so that deliveries are under way

    def _end(self) -> None:
        self._forwarder.terminate()
        self._forwarder.start()

    def _kill(self) -> None:
        self._forwarder.kill()
        self._forwarder.start()


@pytest.mark.parametrize("seed", SEEDS)
def test_forwarding_to_our_own_service_leaves_one_whole_page_each(
    tmp_path: Path, endpoint: OwnEndpoint, seed: int
) -> None:
    """Whatever ends, and when."""
    forwarder = Forwarder(tmp_path / "own.db", endpoint.url, endpoint.key)

    def outage() -> None:
        endpoint.stop()
        time.sleep(0.5)
        endpoint.start()

    try:
        chaos = Chaos(forwarder, seed)
        chaos.go_on(outage)
        wait_until(lambda: sorted(endpoint.pages().values()) == chaos.wanted, f"all is there (seed {seed})")
        wait_until(lambda: forwarder.status()["waiting"] == 0, "nothing waits any more")
        assert forwarder.status()["delivered"] == len(chaos.runs)
        forwarder.terminate()
    finally:
        forwarder.end()
    assert sorted(endpoint.pages().values()) == chaos.wanted
    assert endpoint.refused_by_limit() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_forwarding_to_a_strict_server_leaves_one_whole_page_each(
    tmp_path: Path, strict: RunningStrictTracen, seed: int
) -> None:
    """One that knows the documented fields alone, loses answers, and has a limit that is felt."""
    strict.manners = Manners(limit=6, window_s=5, refuses_unknown_fields=True, tells_limit=True)
    strict.manners.deleted_again = 410
    strict.faults.extend((ANSWER_LOST, RESET))
    forwarder = Forwarder(tmp_path / "own.db", strict.endpoint, KEY)
    chance = random.Random(seed)

    def outage() -> None:
        strict.faults.clear()  # each failure in a row doubles the wait for the next attempt
        strict.faults.extend(chance.choices((ANSWER_LOST, RESET, refused(503, Retry_After="1")), k=2))
        with strict.outage():
            time.sleep(0.5)

    try:
        chaos = Chaos(forwarder, seed)
        chaos.go_on(outage)
        wait_until(lambda: strict_pages(strict) == chaos.wanted, f"all is there (seed {seed})", 120)
        wait_until(lambda: forwarder.status()["waiting"] == 0, "nothing waits any more")
        forwarder.terminate()
    finally:
        forwarder.end()
    assert strict_pages(strict) == chaos.wanted
    assert strict.refused_by_limit == 0
    assert strict.accepted_within(5) <= 6


def test_forwarding_that_ends_amid_a_post_makes_no_second_page(
    tmp_path: Path, strict: RunningStrictTracen
) -> None:
    """The endpoint has the page, and its answer never came: the next start asks with the same key."""
    forwarder = Forwarder(tmp_path / "own.db", strict.endpoint, KEY)
    runs = {"terminate": run_of("ended"), "kill": run_of("killed")}

    def has_pages(count: int) -> bool:
        return len(strict.pages) == count

    def delivered(count: int) -> bool:
        return bool(forwarder.status()["delivered"] == count)

    try:
        for number, (ends, spans) in enumerate(runs.items()):
            strict.faults.append(SLOW_BUT_DONE)
            assert export(forwarder.process, spans)
            wait_until(partial(has_pages, number + 1), "the endpoint has it")
            getattr(forwarder, ends)()
            told = forwarder.status()
            assert (told["waiting"], told["delivered"]) == (1, number)
            forwarder.start()
            wait_until(partial(delivered, number + 1), "its answer is known")
        forwarder.terminate()
    finally:
        forwarder.end()
    assert strict_pages(strict) == sorted(map(names_of, runs.values()))
    posts = [request for request in strict.requests if request.method == "POST"]
    assert len({request.headers["idempotency-key"] for request in posts}) == 2
    assert len(posts) == 4


def test_forwarding_tells_of_late_spans_that_the_endpoint_can_not_take(
    tmp_path: Path, strict: RunningStrictTracen
) -> None:
    """Without deletion there the first page stays the only one."""
    strict.manners.delete_refusal = 405
    forwarder = Forwarder(tmp_path / "own.db", strict.endpoint, KEY)
    try:
        late, *rest = run_of("a run")
        assert export(forwarder.process, rest)
        wait_until(lambda: strict.pages, "what came first is delivered")
        assert export(forwarder.process, [late])
        wait_until(lambda: forwarder.status()["late"] == 1, "the late span is told of")
        assert "late spans that the endpoint can not take" in forwarder.status_words()
        forwarder.terminate()
    finally:
        forwarder.end()
    assert strict_pages(strict) == [names_of(rest)]


def test_forwarding_with_a_wrong_key_loses_nothing(tmp_path: Path, strict: RunningStrictTracen) -> None:
    """It stops and says so; started with the right key, everything goes at once."""
    forwarder = Forwarder(tmp_path / "own.db", strict.endpoint, "tracen_sk_wrong")
    try:
        assert export(forwarder.process, spans := run_of("a run"))
        wait_until(lambda: forwarder.status()["last_failure"], "the refusal is told")
        told = forwarder.status()
        assert "401" in told["last_failure"]
        assert told["waiting"] == 1
        assert "ERROR" in forwarder.log
        forwarder.terminate()
    finally:
        forwarder.end()
    assert strict.pages == {}
    again = Forwarder(tmp_path / "own.db", strict.endpoint, KEY)
    try:
        wait_until(lambda: strict.pages, "it is delivered with the right key", 40)
        again.terminate()
    finally:
        again.end()
    assert strict_pages(strict) == [names_of(spans)]
    assert json.dumps(list(strict.pages.values())).count("tracen_sk_") == 0


def test_forwarding_goes_on_past_a_page_that_was_deleted_there(tmp_path: Path, endpoint: OwnEndpoint) -> None:
    """It stays deleted, whatever comes of its trace; and though it is the first that a new process asks about."""
    forwarder = Forwarder(tmp_path / "own.db", endpoint.url, endpoint.key)
    try:
        late, *rest = run_of("deleted")
        assert export(forwarder.process, rest)
        wait_until(endpoint.pages, "it is delivered")
        headers = {"x-tracen-key": endpoint.key}
        with httpx2.Client(base_url=endpoint.url, headers=headers, trust_env=False) as client:
            page_id = client.get(f"/api/traces/by-otel/{otel_id_of(rest)}").json()["trace_id"]
            assert client.delete(f"/api/traces/{page_id}").status_code == 204
        forwarder.terminate()
        forwarder.start()
        assert export(forwarder.process, [late])
        time.sleep(1.5)  # so that it is due before the next one
        spans = run_of("another")
        assert export(forwarder.process, spans)
        wait_until(lambda: otel_id_of(spans) in endpoint.pages(), "the other one is delivered", 30)
        assert endpoint.pages() == {otel_id_of(spans): names_of(spans)}
        forwarder.terminate()
    finally:
        forwarder.end()
