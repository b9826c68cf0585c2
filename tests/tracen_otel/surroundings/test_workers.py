"""Servers that fork workers: what each worker's requests did arrives once, and workers end when they are told.

The provider is made when the application is imported; with preloading that is in the parent.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import ScriptedServer, closed_port
from tests.tracen_otel.surroundings.programs import (
    Program,
    environment_of,
    pages,
    pages_of,
    running,
    wait_for,
)

APPS = "tests.tracen_otel.surroundings.apps"
MODULE = (sys.executable, "-m")
UWSGI = (
    *("uwsgi", "--master", "--processes", "2", "--die-on-term", "--need-app", "--module", f"{APPS}:wsgi"),
    *("--virtualenv", sys.prefix),
)
GUNICORN = (*MODULE, "gunicorn", f"{APPS}:wsgi", "--workers", "2", "--no-control-socket")
COMMANDS = {
    "gunicorn": (*GUNICORN,),
    "gunicorn, preloaded": (*GUNICORN, "--preload"),
    "gunicorn, threads": (*GUNICORN, "--worker-class", "gthread", "--threads", "4"),
    "gunicorn, threads, preloaded": (*GUNICORN, "--worker-class", "gthread", "--threads", "4", "--preload"),
    "gunicorn, gevent": (*GUNICORN, "--worker-class", "gevent"),
    "gunicorn, gevent, preloaded": (*GUNICORN, "--worker-class", "gevent", "--preload"),
    "uvicorn": (*MODULE, "uvicorn", f"{APPS}:asgi", "--workers", "2"),
    "uwsgi": (*UWSGI, "--enable-threads"),
    "uwsgi, threads": (*UWSGI, "--threads", "2"),
    "uwsgi, lazy": (*UWSGI, "--enable-threads", "--lazy-apps"),
    "uwsgi, no threads": UWSGI,
}
# Not uWSGI: it forks in C, and a child whose parent had a thread at work at that moment waits for the interpreter's
# lock for ever, whoever's thread it was.
PARENT_WORKS = {
    ("gunicorn, preloaded", "batch"),
    ("gunicorn, preloaded", "simple"),
    ("gunicorn, threads, preloaded", "simple"),
}


def command_of(surroundings: str, port: int) -> list[str]:
    """The command line; skips the test where the server is not installed."""
    first, *rest = COMMANDS[surroundings]
    if first == "uwsgi":
        found = shutil.which("uwsgi", path=str(Path(sys.executable).parent))
        if found is None:
            pytest.skip("uWSGI (pyuwsgi) is not installed")
        return [found, *rest, "--http-socket", f"127.0.0.1:{port}"]
    for package in (rest[1], "gevent" if "gevent" in rest else rest[1]):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    address = ["--port", str(port)] if rest[1] == "uvicorn" else ["--bind", f"127.0.0.1:{port}"]
    return [first, *rest, *address]


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        text: str = response.read().decode()
        return text


def is_up(port: int) -> bool:
    try:
        return bool(get(port, "/ready"))
    except OSError:
        return False


def ask_both_workers(program: Program, port: int) -> int:
    """Ask, four at a time, until two workers have answered several requests; answers how many were asked."""
    wait_for(lambda: is_up(port) or program.process.poll() is not None, "the server")
    assert program.process.poll() is None, program.stderr
    asked, pids = 0, list[str]()
    with ThreadPoolExecutor(4) as clients:
        while asked < 12 or len(set(pids)) < 2:
            assert asked < 400, "one worker never answers"
            pids += clients.map(lambda n: get(port, f"/{n}"), range(asked, asked + 4))
            asked += 4
    assert str(program.process.pid) not in pids
    if (
        "uWSGI" in program.stderr
    ):  # a worker that is told to end while it counts as busy runs no exit handlers
        wait_for(
            lambda: all(f"GET /{n} =>" in program.stderr for n in range(asked)), "the log of all requests"
        )
    return asked


@pytest.mark.parametrize(
    ("surroundings", "processor"),
    [
        *((surroundings, "batch") for surroundings in COMMANDS),
        *((surroundings, "simple") for surroundings in COMMANDS if "preloaded" in surroundings),
        ("uwsgi", "simple"),
        ("uwsgi, no threads", "simple"),
    ],
)
def test_workers_publish_each_request_once_and_end_in_time(
    server: ScriptedServer, tmp_path: Path, surroundings: str, processor: str
) -> None:
    """SIGTERM comes right after the last answer: the pages of all requests are there when the server is gone."""
    port = closed_port()
    parent = {"TEST_PARENT_WORKS": "1"} if (surroundings, processor) in PARENT_WORKS else {}
    environment = environment_of(server.endpoint, processor, **parent)

    with running(command_of(surroundings, port), tmp_path, environment) as program:
        asked = ask_both_workers(program, port)
        status = program.terminate()

    assert status in (0, -signal.SIGTERM), program.stderr
    names = [str(n) for n in range(asked)] + ["parent"] * len(parent)
    assert pages(server) == pages_of(names), program.stderr


def test_workers_that_were_patched_late_publish_while_they_run(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The batch processor's thread is older than gevent's patch, and what it starts must run all the same."""
    port = closed_port()
    environment = environment_of(server.endpoint, "batch", OTEL_BSP_SCHEDULE_DELAY="100")

    with running(command_of("gunicorn, gevent, preloaded", port), tmp_path, environment) as program:
        first = ask_both_workers(program, port)
        wait_for(lambda: len(server.requests) == first, "the pages of all requests")
        assert get(port, "/more")
        wait_for(lambda: len(server.requests) == first + 1, "one more page")
        assert program.terminate() == 0, program.stderr

    assert pages(server) == pages_of([*(str(n) for n in range(first)), "more"])


CELERY = (
    *(*MODULE, "celery", "--app", "tests.tracen_otel.surroundings.celery_app", "worker"),
    *(
        "--pool",
        "prefork",
        "--concurrency",
        "2",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ),
)


def did_all_tasks(program: Program) -> bool:
    assert program.process.poll() is None, program.stderr
    return program.stdout.count("did task") == 8


def test_celery_workers_publish_each_task_once(server: ScriptedServer, tmp_path: Path) -> None:
    """Pool processes end without exit handlers; what is flushed at their end is all there."""
    if importlib.util.find_spec("celery") is None:
        pytest.skip("celery is not installed")
    with ExitStack() as stack:
        programs = []
        for processor in ("batch", "simple"):  # side by side: Celery takes its time to stop
            environment = environment_of(server.endpoint, processor, TEST_PARENT_WORKS="1")
            programs.append(stack.enter_context(running(CELERY, tmp_path, environment, processor)))
        for program in programs:
            wait_for(partial(did_all_tasks, program), "8 tasks")
            program.process.terminate()
        for program in programs:
            assert program.wait() == 0, program.stderr
            assert len(set(re.findall(r"did task \d by (\d+)", program.stdout))) == 2

    assert pages(server) == pages_of(2 * ["parent", *(f"task {n}" for n in range(8))])
