"""Every way a program ends, with every kind of server: in less than 6 seconds, and saying nothing but our warnings.

`os._exit` and SIGKILL run no exit handlers: what was not posted by then is lost without a word.
"""

from __future__ import annotations

import re
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import ScriptedServer, answer, closed_port, hang, trickle
from tests.tracen_otel.surroundings.programs import Program, environment_of, pages, pages_of, python, running

MAX_EXIT_S = 6.0
PRELUDE = """
import asyncio, os, signal, sys, threading, time
from tests.tracen_otel.surroundings.traced import exporter, provider, run_agent

def tell_time():
    print(time.monotonic(), flush=True)

"""
SHORT = "run_agent('short'); tell_time(); "
ENDINGS = {
    "return": (SHORT, 0),
    "sys.exit": (SHORT + "sys.exit(3)", 3),
    "exception": (SHORT + "raise LookupError('mine')", 1),
    "SIGTERM, handled": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        + SHORT
        + "signal.raise_signal(signal.SIGTERM)",
        7,
    ),
    "SIGINT": (SHORT + "signal.raise_signal(signal.SIGINT)", -signal.SIGINT),
    "asyncio": (
        "async def main():\n"
        "    asyncio.get_running_loop().create_task(asyncio.sleep(60))\n"
        "    run_agent('short'); tell_time(); sys.exit(5)\n"
        "asyncio.run(main())",
        5,
    ),
    "asyncio, after an export": (
        "async def main():\n"
        "    run_agent('short'); provider.force_flush()\n"
        "    await asyncio.sleep(0.1); tell_time(); sys.exit(5)\n"
        "asyncio.run(main())",
        5,
    ),
    "busy threads": (
        "def work():\n"
        "    while True: run_agent('busy')\n"
        "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.2); tell_time()",
        0,
    ),
    "a thread at its end": (
        "def work(): time.sleep(0.1); run_agent('short')\nthreading.Thread(target=work).start(); tell_time()",
        0,
    ),
    "SIGTERM": (SHORT + "signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
    "os._exit": (SHORT + "os._exit(4)", 4),
}
WITHOUT_EXIT_HANDLERS = ("SIGTERM", "os._exit")
SHORT_ONES = [name for name in ENDINGS if name not in ("busy threads", *WITHOUT_EXIT_HANDLERS)]
SOME = ["return", "SIGTERM, handled", "busy threads", "asyncio, after an export"]
OURS = re.compile(r"(a trace is not published yet: .*; next try in \d+ s|spans dropped: \d+ \(.*\))")


def run_side_by_side(endings: list[str], folder: Path, endpoint: str) -> dict[str, tuple[Program, float]]:
    """Run programs with these endings at the same time; answers them with the seconds that each end took."""
    ended: dict[str, tuple[Program, float]] = {}
    with ExitStack() as stack:
        left = {
            name: stack.enter_context(
                running(python(PRELUDE + ENDINGS[name][0]), folder, environment_of(endpoint), name)
            )
            for name in endings
        }
        give_up_s = time.monotonic() + 60
        while left:
            assert time.monotonic() < give_up_s, f"still running: {sorted(left)}"
            time.sleep(0.02)
            for name in [name for name, program in left.items() if program.process.poll() is not None]:
                program = left.pop(name)
                ended[name] = program, time.monotonic() - float(program.stdout or "-inf")
    return ended


def complaints(program: Program) -> list[str]:
    """Lines of stderr without the traceback of the program's own ending."""
    own = r"Traceback \(most recent call last\):\n(  .*\n)+(LookupError: mine|KeyboardInterrupt.*)\n"
    return re.sub(own, "", program.stderr).splitlines()


def test_program_ends_with_its_page_however_it_ends(server: ScriptedServer, tmp_path: Path) -> None:
    """The server is up: each ending that runs exit handlers leaves a page, and not a word."""
    ended = run_side_by_side(SHORT_ONES, tmp_path, server.endpoint)

    for name, (program, seconds) in ended.items():
        assert (name, program.process.returncode, complaints(program)) == (name, ENDINGS[name][1], [])
        assert seconds < MAX_EXIT_S, name
    assert pages(server) == pages_of("short" for _ in SHORT_ONES)


@pytest.mark.parametrize("backend", ["down", "hangs", "429", "drips"])
def test_program_ends_soon_whatever_its_server_does(
    server: ScriptedServer, tmp_path: Path, backend: str
) -> None:
    """At most a warning that a trace waits and one that spans were dropped, each once."""
    steps = {"hangs": hang, "429": answer(429, Retry_After="1800"), "drips": trickle(b"x"), "down": hang}
    server.script.extend(10_000 * [steps[backend]])
    endpoint = f"http://127.0.0.1:{closed_port()}" if backend == "down" else server.endpoint

    ended = run_side_by_side([*ENDINGS] if backend == "hangs" else SOME, tmp_path, endpoint)

    for name, (program, seconds) in ended.items():
        told = complaints(program)
        assert (name, program.process.returncode) == (name, ENDINGS[name][1]), told
        assert seconds < MAX_EXIT_S, name
        assert [line for line in told if not OURS.fullmatch(line)] == [], name
        assert len(told) == len({line.split(":")[0] for line in told}), told
        lost = [line for line in told if "the program ended before they could be published" in line]
        assert len(lost) == (name not in WITHOUT_EXIT_HANDLERS), told
