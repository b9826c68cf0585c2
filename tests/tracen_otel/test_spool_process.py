"""Programs with a spool that are killed, or end while the server is down: the next run delivers what they left."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.processes import TracenProcess
from tests.tracen_otel.scripted_server import (
    KEY,
    Request,
    ScriptedServer,
    Step,
    answer,
    hang,
    reset,
    scripted_server,
)

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import os, sys, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id, set_span_in_context
from tracen_otel import TracenSpanExporter

provider = TracerProvider()
exporter = TracenSpanExporter()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("test")
LLM = {"openinference.span.kind": "LLM", "output.value": "x" * 300}

def end(span):
    span.end()
    context = span.get_span_context()
    os.write(1, f"{format_trace_id(context.trace_id)} {format_span_id(context.span_id)}\\n".encode())

def run():
    root = tracer.start_span("root", attributes=LLM)
    context = set_span_in_context(root)
    late = tracer.start_span("late", context=context)
    for name in ("plan", "answer"):
        end(tracer.start_span(name, attributes=LLM, context=context))
    end(root)
    end(late)
"""
BUSY = "while True: run(); time.sleep(0.005)"


@dataclass(frozen=True, slots=True)
class House:
    """Where programs run one after the other: one spool, one endpoint, one key."""

    spool: Path
    endpoint: str
    key: str = KEY

    def start(self, rest: str) -> subprocess.Popen[str]:
        environment = {
            "TRACEN_ENDPOINT": self.endpoint,
            "TRACEN_KEY": self.key,
            "TRACEN_SPOOL_DIR": str(self.spool),
            "PATH": "",
        }
        return subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM + textwrap.dedent(rest)],
            env=environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, rest: str) -> subprocess.CompletedProcess[str]:
        with self.start(rest) as program:
            out, err = program.communicate(timeout=30)
        return subprocess.CompletedProcess(program.args, program.returncode, out, err)

    def killed(self, after_s: float) -> str:
        """Kill a busy program so long after its first span; answer what it had told until then."""
        with self.start(BUSY) as program:
            assert program.stdout is not None
            first = program.stdout.readline()
            time.sleep(after_s)
            program.kill()
            rest, err = program.communicate(timeout=30)
        assert "Traceback" not in err
        whole, _, _ = (first + rest).rpartition("\n")
        return whole + "\n"

    def run_until_empty(self) -> str:
        """Short programs, one after the other, until nothing is left; answer what they told."""
        told = ""
        for _ in range(20):
            told += self.run("run(); provider.shutdown()").stdout
            if not list(self.spool.iterdir()):
                return told
        raise AssertionError(f"still in the spool: {[file.name for file in self.spool.iterdir()]}")


def ended_spans(told: str) -> dict[str, set[str]]:
    """The ids of the spans whose `end()` had returned, by trace."""
    spans = defaultdict(set)
    for line in told.splitlines():
        trace_id, span_id = line.split()
        spans[trace_id].add(span_id)
    return dict(spans)


def published_spans(payloads: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """The ids of the steps of all posts, by trace: the server makes one page of them."""
    steps: defaultdict[str, set[str]] = defaultdict(set)
    for payload in payloads:
        steps[payload["otel_trace_id"]] |= {step["id"] for step in payload["steps"]}
    return dict(steps)


def assert_all_are_there(ended: dict[str, set[str]], published: dict[str, set[str]], kills: int) -> None:
    """Every span that ended is on the page of its trace. One that was being ended when the kill came may be."""
    missing = {trace_id: spans - published.get(trace_id, set()) for trace_id, spans in ended.items()}
    assert not any(missing.values()), {t: spans for t, spans in missing.items() if spans}
    assert len(published.keys() - ended.keys()) <= kills


def traces_of(tracen: TracenProcess, key: str) -> Iterator[dict[str, Any]]:
    """Every trace of the key's account, as the API lists them."""
    query: dict[str, str] = {}
    while True:
        answer = httpx2.get(
            f"{tracen.http}/api/traces",
            params=query,
            headers={"X-Tracen-Key": key},
            trust_env=False,
            timeout=60,
        ).json()
        yield from answer["traces"]
        if not answer["next"]:
            return
        query = {"cursor": answer["next"]}


def page_of(trace: dict[str, Any]) -> dict[str, Any]:
    page: dict[str, Any] = httpx2.get(f"{trace['url']}.json", trust_env=False, timeout=60).json()
    return page


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def house(server: ScriptedServer, tmp_path: Path) -> House:
    return House(tmp_path / "spool", server.endpoint)


def payloads(requests: Iterable[Request]) -> Iterator[dict[str, Any]]:
    return (request.payload for request in requests)


def come_up(server: ScriptedServer) -> int:
    """From now on the server publishes; answer how many requests it had refused."""
    server.script.clear()
    server.hang_up()
    return len(server.requests)


@pytest.mark.parametrize("ending", ["os._exit(0)", "provider.shutdown()", "sys.exit(3)", "raise LookupError"])
def test_what_could_not_be_published_is_published_by_the_next_run(
    house: House, server: ScriptedServer, ending: str
) -> None:
    """However a program ends while the server is down, each of its traces is published when it is up again."""
    server.script.extend([answer(503, Retry_After="60")] * 1000)
    first = house.run(f"run(); run()\n{ending}")
    refused = come_up(server)
    second = house.run_until_empty()

    assert published_spans(payloads(server.requests[refused:])) == ended_spans(first.stdout + second)
    if "_exit" not in ending:
        assert "8 spans stay in the spool for the next run" in first.stderr
        assert "dropped" not in first.stderr


def test_post_whose_answer_its_process_did_not_live_to_see_is_the_same_post(
    house: House, server: ScriptedServer
) -> None:
    """The next run repeats it under its idempotency key, so that it counts once."""
    server.script.append(hang)
    with house.start("end(tracer.start_span('one', attributes=LLM)); time.sleep(60)") as program:
        while not server.requests:
            time.sleep(0.01)
        program.kill()
        program.communicate(timeout=30)
    house.run("end(tracer.start_span('other', attributes=LLM)); provider.shutdown()")

    first, *others = server.requests
    [again] = [post for post in others if post.payload["otel_trace_id"] == first.payload["otel_trace_id"]]
    assert again.headers["idempotency-key"] == first.headers["idempotency-key"]
    assert again.body == first.body


def test_spans_of_a_run_that_was_killed_in_the_middle_are_a_page(
    house: House, server: ScriptedServer
) -> None:
    """A trace whose root never ended is published as far as it came."""
    first = house.run(
        """
        context = set_span_in_context(tracer.start_span("root", attributes=LLM))
        end(tracer.start_span("plan", attributes=LLM, context=context))
        os.kill(os.getpid(), 9)
        """
    )
    second = house.run_until_empty()

    assert published_spans(payloads(server.requests)) == ended_spans(first.stdout + second)


def test_late_span_of_a_killed_program_joins_its_page(house: House, server: ScriptedServer) -> None:
    """It alone is no model's work, but its trace has a page."""
    first = house.run(
        """
        root = tracer.start_span("root", attributes=LLM)
        late = tracer.start_span("late", context=set_span_in_context(root))
        end(root)
        exporter.force_flush()
        end(late)
        os.kill(os.getpid(), 9)
        """
    )
    posted = published_spans(payloads(server.requests))
    second = house.run_until_empty()

    assert [len(spans) for spans in posted.values()] == [1]
    assert published_spans(payloads(server.requests)) == ended_spans(first.stdout + second)


@pytest.mark.parametrize("seed", range(2))
def test_programs_killed_at_any_moment_lose_no_span_that_ended(
    house: House, server: ScriptedServer, seed: int
) -> None:
    """SIGKILL after SIGKILL, with the server down, silent, or up: the next run has everything, once."""
    chance = random.Random(seed)
    trouble: list[list[Step]] = [[answer(503)], [hang], [reset], [answer(429, Retry_After="1")]]
    told = ""
    for _ in range(3):
        server.script.extend(chance.choice(trouble) * 1000)
        told += house.killed(chance.uniform(0, 0.4))
        server.script.clear()
    refused = come_up(server)
    for _ in range(3):
        told += house.killed(chance.uniform(0, 0.4))
    told += house.run_until_empty()

    assert_all_are_there(ended_spans(told), published_spans(payloads(server.requests[refused:])), kills=6)


def test_forked_children_that_die_leave_their_own_spans(house: House, server: ScriptedServer) -> None:
    """Parent and children spool apart, and everything of all is published once."""
    server.script.extend([answer(503, Retry_After="60")] * 1000)
    first = house.run(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        run()
        children = []
        for n in range(3):
            pid = os.fork()
            if pid == 0:
                run()
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        os._exit(0)
        """
    )
    refused = come_up(server)
    second = house.run_until_empty()

    ended = ended_spans(first.stdout + second)
    assert len(ended) == 5
    assert published_spans(payloads(server.requests[refused:])) == ended
    posts = {request.headers["idempotency-key"]: request.payload for request in server.requests[refused:]}
    assert sum(len(post["steps"]) for post in posts.values()) == sum(map(len, ended.values()))


def test_programs_killed_on_a_real_server_leave_one_page_a_trace(
    tracen: TracenProcess, tmp_path: Path
) -> None:
    """Whatever was posted twice or in parts is one page, and has every span that ended."""
    house = House(tmp_path / "spool", tracen.http, tracen.create_key("spool@example.com"))
    chance = random.Random(7)
    told = "".join(house.killed(chance.uniform(0, 0.3)) for _ in range(3)) + house.run_until_empty()

    traces = list(traces_of(tracen, house.key))
    published = published_spans(map(page_of, traces))

    assert len(traces) == len(published)
    assert_all_are_there(ended_spans(told), published, kills=3)
