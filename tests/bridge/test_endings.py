"""A closed pipe and Ctrl-C end any command without a word, and whoever started it finds the signal."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from bridge.cli import tracen as command_line
from tests.processes import TracenProcess
from tests.reference import each_command

TIMEOUT_S = 60
PATHS = [path for path, _ in each_command(command_line, "tracen")]

_EACH = """
import json, os, sys
from bridge.cli import tracen
from bridge.endings import run_to_end
from tests.reference import each_command
how = sys.argv[1]
told = {}
for path, command in each_command(tracen, "tracen"):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writing, 2)
        sys.argv = path.split()
        if how == "closed pipe":
            closed, out = os.pipe()
            os.close(closed)
            os.dup2(out, 1)
            sys.argv.append("--help")
        else:
            def interrupted(**values):
                raise KeyboardInterrupt
            command.callback, command.params = interrupted, []
        run_to_end(tracen)
    os.close(writing)
    said = os.read(reading, 10_000).decode()
    os.close(reading)
    told[path] = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said]
print(json.dumps(told))
"""
"""Runs each command to an end, in a process of its own, and tells how it ended and what it said on stderr."""


@pytest.mark.parametrize(("how", "number"), [("closed pipe", signal.SIGPIPE), ("Ctrl-C", signal.SIGINT)])
def test_every_command_ends_silently(how: str, number: signal.Signals) -> None:
    """Of the signal that it is in other programs: 141 and 130 to a shell."""
    done = subprocess.run(
        [sys.executable, "-c", _EACH, how], capture_output=True, timeout=TIMEOUT_S, check=True
    )
    assert json.loads(done.stdout) == {path: [-number, ""] for path in PATHS}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["completion", "bash"]])
def test_process_whose_reader_is_gone_is_silent(arguments: list[str]) -> None:
    """A real pipe into nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_S,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


def test_prompt_that_is_interrupted_is_silent(tracen: TracenProcess) -> None:
    """Ctrl-C where a password is asked for in a terminal; nothing is changed."""
    tracen.create_key("prompted@example.com")
    child, terminal = pty.fork()
    if not child:
        arguments = ["accounts", "password", "prompted@example.com", "--db", str(tracen.db)]
        os.execv(  # noqa: S606 - the tests' own command
            sys.executable, [sys.executable, "-m", "bridge", *arguments]
        )
    told = b""
    while b"password:" not in told:
        told += os.read(terminal, 1000)
    time.sleep(0.1)  # until the echo is off
    os.write(terminal, b"\x03")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT
    assert b"Traceback" not in told


def test_question_that_nobody_answers_is_a_failure(tracen: TracenProcess) -> None:
    """No stdin: exit code 1, and it says that nothing was done."""
    tracen.create_key("asked@example.com")
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "accounts", "delete", "asked@example.com", "--db", str(tracen.db)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing was done" in done.stderr


def test_result_that_nobody_reads_is_no_error(tracen: TracenProcess) -> None:
    """After a server was asked."""
    command = [sys.executable, "-m", "bridge", "open", "--endpoint", tracen.http, "--app", "--no-browser"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["stop", "--db", "no.db"], 1, r"tracen: no server runs on no\.db; --db names another store"),
        (["keys", "creat"], 2, r"Usage: .*\n.*--help.*\n\ntracen: No such command.*"),
        (["check", "--db", "/dev/null/t.db"], 2, r"tracen: .*/dev/null/t\.db.*"),
    ],
)
def test_every_error_looks_the_same(arguments: list[str], code: int, told: str) -> None:
    """One that a command raises, one that click does, one of the store: `tracen: …`, in a pipe without colour."""
    command = [sys.executable, "-m", "bridge", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == code
    assert re.fullmatch(rf"{told}\n", done.stderr), done.stderr


CALLBACK = """
import os, signal, sys, time, weakref
from bridge.endings import Ended, insist, tidied

sys.unraisablehook = insist

class Module:
    pass

with tidied():
    module = Module()
    watched = weakref.ref(module, lambda _: os.kill(os.getpid(), signal.{name}))
    try:
        del module  # what a callback raises is dropped by the interpreter
        time.sleep({timeout})
    except (Ended, KeyboardInterrupt) as end:
        print(type(end).__name__)
"""


@pytest.mark.parametrize(("name", "end"), [("SIGTERM", "Ended"), ("SIGINT", "KeyboardInterrupt")])
def test_signal_that_comes_amid_a_callback_of_the_interpreter_is_not_lost(name: str, end: str) -> None:
    """As while modules are imported: the program ends all the same, and says nothing of it."""
    script = CALLBACK.format(name=name, timeout=TIMEOUT_S)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.stdout, done.stderr) == (f"{end}\n", "")
