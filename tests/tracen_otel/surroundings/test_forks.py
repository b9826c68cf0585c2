"""Forks and pools: a provider made in the parent, used on both sides. Each span arrives, and once."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.tracen_otel.scripted_server import KEY, ScriptedServer, answer, hang
from tests.tracen_otel.surroundings.programs import (
    STRICT,
    environment_of,
    pages,
    pages_of,
    run_to_end,
    running,
    wait_for,
)
from tracen_otel.client import TracenClient, TracenError

PRELUDE = """
import os, sys, warnings
warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)  # from 3.12 on: fork beside threads
from tests.tracen_otel.surroundings.traced import exporter, flush, provider, run_agent
"""

FORKS = """
children = []
for n in range(4):
    pid = os.fork()
    if pid == 0:
        run_agent(f"child {n}")
        provider.shutdown()
        os._exit(0 if exporter.counts.published == 1 else 1)
    children.append(pid)
failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
run_agent("parent again")
sys.exit(len(failed))
"""

NESTED_FORKS = """
def descend(depth):
    run_agent(f"before {depth}")
    pid = os.fork() if depth < 3 else 0
    if pid:
        os.waitpid(pid, 0)
        run_agent(f"after {depth}")
    elif depth < 3:
        descend(depth + 1)
    provider.shutdown()
    os._exit(0)
descend(0)
"""

FORKS_UNDER_LOAD = """
import threading
stop = threading.Event()
published = []
def work():
    while not stop.is_set():
        run_agent(f"busy {len(published)}")
        published.append(1)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
failed = 0
for n in range(12):
    pid = os.fork()
    if pid == 0:
        run_agent(f"child {n}")
        provider.shutdown()
        os._exit(exporter.counts.published != 1)
    failed += os.waitpid(pid, 0)[1] != 0
stop.set()
for thread in threads:
    thread.join()
print(len(published))
sys.exit(failed)
"""

UNFLUSHED = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def task(n):
    run_agent(f"task {n}")
    provider.force_flush()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    processes = [context.Process(target=task, args=(n,)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(task, 3).result()
    sys.exit(sum(process.exitcode for process in processes))
"""

POOLS = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def task(n):
    run_agent(f"task {n}")
    return flush()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    if sys.argv[2] == "executor":
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            flushed = list(pool.map(task, range(6)))
    else:
        processes = [context.Process(target=task, args=(n,)) for n in range(6)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        flushed = [process.exitcode == 0 for process in processes]
    sys.exit(0 if all(flushed) else 1)
"""


@pytest.mark.parametrize("processor", ["batch", "simple"])
def test_forked_children_and_their_parent_publish_each_span_once(
    server: ScriptedServer, tmp_path: Path, processor: str
) -> None:
    """Children neither repeat what the parent had in hand nor lose what is theirs."""
    environment = environment_of(server.endpoint, processor, TEST_PARENT_WORKS="1")

    ended = run_to_end(PRELUDE + FORKS, tmp_path, environment)

    assert ended == (0, "", "")
    assert pages(server) == pages_of(["parent", "parent again", *(f"child {n}" for n in range(4))])


@pytest.mark.parametrize("processor", ["batch", "simple"])
def test_children_of_children_publish_each_span_once(
    server: ScriptedServer, tmp_path: Path, processor: str
) -> None:
    """Four generations, each with spans in hand when it forks."""
    ended = run_to_end(PRELUDE + NESTED_FORKS, tmp_path, environment_of(server.endpoint, processor))

    assert ended == (0, "", "")
    names = [*(f"before {n}" for n in range(4)), *(f"after {n}" for n in range(3))]
    assert pages(server) == pages_of(names)


@pytest.mark.parametrize("processor", ["batch", "simple"])
def test_fork_while_other_threads_export_leaves_no_lock_behind(
    server: ScriptedServer, tmp_path: Path, processor: str
) -> None:
    """Whatever lock another thread holds at the fork, the child's exporter works and ends."""
    status, out, err = run_to_end(
        PRELUDE + FORKS_UNDER_LOAD, tmp_path, environment_of(server.endpoint, processor)
    )

    assert (status, err) == (0, "")
    told = [names for names in pages(server) if "child" in names[0]]
    assert told == pages_of(f"child {n}" for n in range(12))
    assert len(server.requests) == int(out) + 12


@pytest.mark.parametrize(
    ("kind", "processor"), [("executor", "batch"), ("executor", "simple"), ("process", "simple")]
)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_of_the_standard_library_publish_each_span_once(
    server: ScriptedServer, tmp_path: Path, method: str, kind: str, processor: str
) -> None:
    """multiprocessing and ProcessPoolExecutor, however they start: a flushed task is a page."""
    program = tmp_path / "program.py"
    program.write_text(PRELUDE + POOLS)
    environment = environment_of(server.endpoint, processor)

    with running([sys.executable, *STRICT, str(program), method, kind], tmp_path, environment) as ended:
        assert (ended.wait(), ended.stderr) == (0, "")
    assert pages(server) == pages_of(f"task {n}" for n in range(6))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_publish_at_their_end(
    server: ScriptedServer, tmp_path: Path, method: str
) -> None:
    """They run no exit handlers where they are forked; what the provider has given the exporter is published."""
    program = tmp_path / "program.py"
    program.write_text(PRELUDE + UNFLUSHED)
    environment = environment_of(server.endpoint, "batch")

    with running([sys.executable, *STRICT, str(program), method], tmp_path, environment) as ended:
        assert (ended.wait(), ended.stderr) == (0, "")
    assert pages(server) == pages_of(f"task {n}" for n in range(4))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks for open files in /proc")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_connections_that_are_open_at_a_fork_stay_with_the_parent(server: ScriptedServer) -> None:
    """A child that never posts does not keep its parent's connections open, neither idle nor busy ones."""
    server.script.extend([answer(), hang])
    idle, busy = (TracenClient(server.endpoint, KEY, 10) for _ in range(2))
    _publish(idle)
    thread = threading.Thread(target=_publish, args=(busy,))
    thread.start()
    wait_for(lambda: len(server.requests) == 2, "the second post")
    mine = [sock.getpeername() for sock in server.sockets]

    child = os.fork()
    if child == 0:  # the child reports by its exit status alone, and never runs on into the tests
        try:
            os._exit(len(_open_sockets(mine)))
        finally:
            os._exit(99)
    status = os.waitpid(child, 0)[1]
    here = _open_sockets(mine)
    server.hang_up()
    thread.join()
    idle.close()
    busy.close()

    assert (os.waitstatus_to_exitcode(status), len(here)) == (0, 2)


def _publish(client: TracenClient) -> None:
    with suppress(TracenError):
        client.publish({}, deadline_s=10)


def _open_sockets(addresses: list[Any]) -> list[str]:
    """Those of this process's open files that are connections from one of the addresses."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    inode_by_port = {int(row[1].split(":")[1], 16): row[9] for row in rows}
    wanted = {f"socket:[{inode_by_port[port]}]" for _, port in addresses}
    names = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            names.append(os.readlink(f"/proc/self/fd/{fd}"))
    return [name for name in names if name in wanted]
