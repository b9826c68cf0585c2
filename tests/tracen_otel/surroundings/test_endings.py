"""Every way a program ends, with every kind of server: in less than 6 seconds, and saying nothing but our warnings.

`os._exit` and SIGKILL run no exit handlers: what was not posted by then is lost without a word.
"""

from __future__ import annotations

import re
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from tests.tracen_otel.scripted_server import (
    ScriptedServer,
    answer,
    closed_port,
    hang,
    scripted_server,
    trickle,
)
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


Case = tuple[str, str]
"""A backend and an ending."""


def run_side_by_side(
    cases: list[Case], folder: Path, endpoint_by_backend: dict[str, str]
) -> dict[Case, tuple[Program, float]]:
    """Run programs at the same time, as most of them wait; answers them with the seconds that each end took."""
    ended: dict[Case, tuple[Program, float]] = {}
    with ExitStack() as stack:
        left = {}
        for backend, ending in cases:
            environment = environment_of(endpoint_by_backend[backend])
            command = python(PRELUDE + ENDINGS[ending][0])
            program = stack.enter_context(running(command, folder, environment, f"{backend}-{ending}"))
            left[backend, ending] = program
        give_up_s = time.monotonic() + 90
        while left:
            assert time.monotonic() < give_up_s, f"still running: {sorted(left)}"
            time.sleep(0.02)
            for case in [case for case, program in left.items() if program.process.poll() is not None]:
                program = left.pop(case)
                ended[case] = program, time.monotonic() - float(program.stdout or "-inf")
    return ended


def complaints(program: Program) -> list[str]:
    """Lines of stderr without the traceback of the program's own ending, and asyncio's that this machine is slow."""
    own = r"Traceback \(most recent call last\):\n(  .*\n)+(LookupError: mine|KeyboardInterrupt.*)\n"
    slow = r"Executing <.*> took [\d.]+ seconds\n?"
    return re.sub(f"{own}|{slow}", "", program.stderr).splitlines()


def test_program_ends_with_its_page_however_it_ends(server: ScriptedServer, tmp_path: Path) -> None:
    """The server is up: each ending that runs exit handlers leaves a page, and not a word."""
    ended = run_side_by_side([("up", ending) for ending in SHORT_ONES], tmp_path, {"up": server.endpoint})

    for (_, ending), (program, seconds) in ended.items():
        assert (ending, program.process.returncode, complaints(program)) == (ending, ENDINGS[ending][1], [])
        assert seconds < MAX_EXIT_S, ending
    assert pages(server) == pages_of("short" for _ in SHORT_ONES)


STEPS = {"hangs": hang, "429": answer(429, Retry_After="1800"), "drips": trickle(b"x")}


def test_program_ends_soon_whatever_its_server_does(tmp_path: Path) -> None:
    """Down, hanging, dripping, or asking for half an hour: at most a warning that a trace waits and one of the loss."""
    cases = [("hangs", ending) for ending in ENDINGS]
    cases += [(backend, ending) for backend in ("429", "drips", "down") for ending in SOME]
    with ExitStack() as stack:
        endpoints = {"down": f"http://127.0.0.1:{closed_port()}"}
        for backend, step in STEPS.items():
            endpoints[backend] = stack.enter_context(scripted_server(*10_000 * [step])).endpoint
        ended = run_side_by_side(cases, tmp_path, endpoints)

    for case, (program, seconds) in ended.items():
        told = complaints(program)
        assert (case, program.process.returncode) == (case, ENDINGS[case[1]][1]), told
        assert seconds < MAX_EXIT_S, case
        assert [line for line in told if not OURS.fullmatch(line)] == [], case
        assert len(told) == len({line.split(":")[0] for line in told}), told
        lost = [line for line in told if "the program ended before they could be published" in line]
        assert len(lost) == (case[1] not in WITHOUT_EXIT_HANDLERS), (case, told)
