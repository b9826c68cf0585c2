"""The program as if nothing were around it: streams, signals, exit codes, processes that it leaves behind."""

from __future__ import annotations

import hashlib
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bridge.running.runs import PYTHON, SPAN, TIMEOUT_S, Runner, run_command


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code_is_the_programs(runner: Runner, code: int) -> None:
    """Whatever it means to whoever asks."""
    assert runner.run("sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT])
def test_program_that_is_killed_ends_us_the_same_way(runner: Runner, number: signal.Signals) -> None:
    """A shell sees 128 + n, and why; here it is the signal itself."""
    done = runner.run("sh", "-c", f"kill -{number.name.removeprefix('SIG')} $$")
    assert done.code == -number
    assert f"killed by {number.name}" in done.err


def test_what_can_not_be_started_is_told_as_shells_do(runner: Runner) -> None:
    """127 and 126, before any server is asked; a script without a first line is the shell's."""
    folder = runner.folder
    (folder / "plain").write_text("exit 7\n")
    (folder / "nobody").write_text("#!/no/such/interpreter\n")
    for name in ("nobody", "script"):
        (folder / name).touch()
        (folder / name).chmod(0o755)
    (folder / "script").write_text("exit 7\n")
    for words, code, said in (
        (("no-such-program",), 127, "no such command on PATH"),
        (("plain",), 127, "write ./plain"),
        (("./nothing",), 127, "no such file"),
        (("./plain",), 126, "chmod +x"),
        ((str(folder),), 126, "is a folder"),
        (("./nobody",), 126, "the interpreter in its first line is not there"),
        (("./script",), 7, "exit code 7"),
    ):
        done = runner.run(*words)
        assert (done.code, said in done.err) == (code, True), done.err
        assert done.err.count("\n") < 5


def test_streams_are_the_programs(runner: Runner) -> None:
    """Bytes in, bytes out, more than a pipe holds, with not a word of ours between them."""
    sent = os.urandom(1 << 20) * 4
    done = runner.run("cat", stdin=sent)
    assert hashlib.sha256(done.out).digest() == hashlib.sha256(sent).digest()
    assert done.code == 0
    assert done.err.startswith("tracen: no trace arrived")


def test_reader_that_goes_away_ends_the_program_and_not_us(runner: Runner) -> None:
    """As `yes | head -1` does: SIGPIPE is not ignored in the program."""
    command = run_command(*runner.options(), "sh", "-c", "yes; echo $? >&2")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=runner.environment, cwd=runner.folder
    )
    assert process.stdout is not None
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert b"141" in err
    assert b"Traceback" not in err


SIGNALLED = """
import signal, sys, time
def on_signal(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(5)
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT"):
    signal.signal(getattr(signal, name), on_signal)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


def test_signals_to_us_alone_are_passed_on(runner: Runner) -> None:
    """Of a supervisor, or of `kill`; without a terminal Ctrl-C's too."""
    (runner.folder / "program.py").write_text(SIGNALLED)
    process = subprocess.Popen(
        run_command(*runner.options(), PYTHON, "program.py"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=runner.environment,
        cwd=runner.folder,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for name in ("SIGUSR1", "SIGHUP", "SIGINT", "SIGUSR2", "SIGQUIT", "SIGTERM"):
        process.send_signal(getattr(signal, name))
        assert process.stdout.readline() == f"{name}\n"
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 5
    assert "exit code 5" in err


COUNTED = """
import signal, sys, time
def on_signal(number, frame):
    print(signal.Signals(number).name, flush=True)
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), on_signal)
for name in ("SIGQUIT", "SIGUSR1"):
    signal.signal(getattr(signal, name), lambda *about: sys.exit(6))
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
TWO_KINDS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGTERM")


def begin_counted(runner: Runner, *before: str) -> subprocess.Popen[str]:
    """A run in a session of its own whose program tells each signal."""
    (runner.folder / "program.py").write_text(COUNTED)
    process = subprocess.Popen(
        [*before, *run_command(*runner.options(), PYTHON, "-u", "program.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=runner.environment,
        cwd=runner.folder,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_signals_to_the_group_reach_the_program_once(runner: Runner) -> None:
    """Of a supervisor outside of it; the same ones to us alone are passed on, in between."""
    with begin_counted(runner) as process:
        assert process.stdout is not None
        for name in TWO_KINDS:
            for send in (os.killpg, os.kill):
                send(process.pid, getattr(signal, name))
                assert process.stdout.readline() == f"{name}\n"
                time.sleep(0.5)  # for one too many
        os.killpg(process.pid, signal.SIGQUIT)
        assert process.stdout.read() == ""
        assert process.wait(TIMEOUT_S) == 6


def test_timeout_tells_the_program_once(runner: Runner) -> None:
    """It signals us, and then the group in which it is itself."""
    with begin_counted(runner, "timeout", "-s", "TERM", "-k", "2", "6") as process:
        assert process.stdout is not None
        assert process.stdout.read() == "SIGTERM\n"


def test_parent_in_our_group_stops_the_program(runner: Runner) -> None:
    """As a script does with `kill $!`: that it is in the group does not mean that it signals the group."""
    (runner.folder / "program.py").write_text(COUNTED)
    words = shlex.join(run_command(*runner.options(), PYTHON, "-u", "program.py"))
    script = (
        f"{words} > told & while ! grep -q ready told; do sleep 0.1; done; "
        "kill -TERM $!; sleep 0.5; kill -USR1 $!; wait $!"
    )
    ended = subprocess.run(
        ["sh", "-c", script], env=runner.environment, cwd=runner.folder, timeout=TIMEOUT_S, check=False
    )
    assert (ended.returncode, (runner.folder / "told").read_text()) == (6, "ready\nSIGTERM\n")


def test_signals_in_a_terminal_reach_the_program_once(runner: Runner) -> None:
    """Ctrl-C, and what somebody sends us alone from another one, also Ctrl-C's signal."""
    (runner.folder / "program.py").write_text(COUNTED)
    terminal = Terminal(runner, PYTHON, "-u", "program.py")
    terminal.read_until("ready")
    terminal.type(b"\x03")
    terminal.read_until("SIGINT\r\n")
    time.sleep(0.5)
    for name in ("SIGINT", "SIGTERM"):
        os.kill(terminal.pid, getattr(signal, name))
        terminal.read_until(f"(?s)SIGINT.*{name}\r\n")
        time.sleep(0.5)
    os.killpg(terminal.pid, signal.SIGHUP)
    terminal.read_until("SIGHUP\r\n")
    terminal.type(b"\x1c")
    terminal.end()
    names = re.findall(r"SIG[A-Z]+", terminal.told.decode().partition("tracen:")[0])
    assert names == ["SIGINT", "SIGINT", "SIGTERM", "SIGHUP"]


def test_exit_code_is_the_programs_though_children_are_ignored(runner: Runner) -> None:
    """As below a supervisor that ignores SIGCHLD: the kernel then throws exit codes away."""
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    ended = subprocess.run(
        [PYTHON, "-c", ignoring, *run_command(*runner.options(), "sh", "-c", "exit 7")],
        env=runner.environment,
        cwd=runner.folder,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    assert ended.returncode == 7


def test_what_is_ignored_is_ignored_in_the_program(runner: Runner) -> None:
    """After nohup a hang-up reaches neither of us."""
    words = (PYTHON, "-c", "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)")
    ended = subprocess.run(
        ["nohup", *run_command(*runner.options(), *words)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=runner.environment,
        cwd=runner.folder,
        timeout=TIMEOUT_S,
    )
    assert ended.stdout == b"True\n"


class Terminal:
    """A run in a terminal of its own."""

    def __init__(self, runner: Runner, *words: str, options: tuple[str, ...] = ()) -> None:
        self.told = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(runner.folder)
            command = run_command(*runner.options(*options), *words)
            os.execve(command[0], command, runner.environment)  # noqa: S606 - in the terminal

    def read_until(self, pattern: str) -> str:
        """What was shown; up to a pattern."""
        end_s = time.monotonic() + TIMEOUT_S
        while not re.search(pattern, self.told.decode(errors="replace")):
            assert time.monotonic() < end_s, self.told
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(self.told)
            self.told += piece
        return self.told.decode(errors="replace")

    def type(self, text: bytes) -> None:
        os.write(self.fd, text)

    def end(self) -> int:
        """The rest, and the status of waitpid."""
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if not piece:
                break
            self.told += piece
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


INTERRUPTED = (
    SPAN
    + """
import time
try:
    print("ready", flush=True)
    time.sleep(100)
except KeyboardInterrupt:
    print("once", flush=True)
    time.sleep(0.5)
    provider.shutdown()
    raise
"""
)


def test_ctrl_c_reaches_the_program_once_and_the_page_is_told(runner: Runner) -> None:
    """In a terminal, with colour and a link; we end as the program did."""
    (runner.folder / "program.py").write_text(INTERRUPTED)
    terminal = Terminal(runner, PYTHON, "program.py", "interrupted")
    terminal.read_until("ready")
    terminal.type(b"\x03")
    shown = terminal.read_until(r"\x1b\]8;;http\S+/traces/")
    status = terminal.end()
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGINT
    assert shown.count("once") == 1
    assert "interrupted" in terminal.told.decode()
    assert b"\x1b[32msuccess" in terminal.told


def test_program_has_the_terminal(runner: Runner) -> None:
    """It may read from it, and is in its foreground."""
    text = "import os; print(os.isatty(0), os.isatty(1), os.tcgetpgrp(0) == os.getpgrp(), input('? '))"
    terminal = Terminal(runner, PYTHON, "-c", text)
    terminal.read_until(r"\? ")
    terminal.type(b"typed\n")
    terminal.read_until("True True True typed")
    assert terminal.end() == 0


def test_terminal_of_a_program_that_was_killed_is_as_it_was(runner: Runner) -> None:
    """Who types afterwards sees it."""
    text = "import os, signal, tty; tty.setraw(0); os.kill(os.getpid(), signal.SIGKILL)"
    terminal = Terminal(runner, "sh", "-c", f'{sys.executable} -c "{text}"; kill -KILL $$')
    shown = terminal.read_until("no trace arrived.*\n")
    assert "\r\n" in shown[shown.index("no trace") :]
    assert os.WTERMSIG(terminal.end()) == signal.SIGKILL


def test_ctrl_z_stops_both_and_both_go_on(runner: Runner, tmp_path: Path) -> None:
    """The shell of a terminal has its jobs."""
    script = " ".join(run_command(*runner.options(), "sh", "-c", "'echo ready; sleep 0.3; cat'"))
    (tmp_path / "job.sh").write_text(f"set -m\n{script}\necho stopped $?\nfg\n")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(runner.folder)
        os.execve("/bin/bash", ["bash", str(tmp_path / "job.sh")], runner.environment)  # noqa: S606
    terminal = Terminal.__new__(Terminal)
    terminal.told, terminal.pid, terminal.fd = b"", pid, fd
    terminal.read_until("ready")
    terminal.type(b"\x1a")
    terminal.read_until("stopped 148")
    terminal.type(b"typed\n\x04")
    terminal.read_until("no trace arrived")
    terminal.end()
    assert terminal.told.count(b"typed") == 2


LEAVES = (
    SPAN
    + """
import os, time
if os.fork() == 0:
    os.setsid()
    for number in range(3):
        os.close(number)
    time.sleep(3)
    os._exit(0)
"""
)


def test_program_that_leaves_a_process_behind_is_told_of(runner: Runner) -> None:
    """It is not waited for, and its key goes on."""
    done = runner.python(LEAVES, "leaving")
    assert done.code == 0
    assert [trace["title"] for trace in done.traces] == ["leaving"]
    assert re.search(
        r"left processes behind \(pid \d+\): more may come .*; their key goes on for a day", done.err
    )


SPAWNS = """
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    lock = multiprocessing.Lock()
    child = multiprocessing.Process(target=print, args=("child",))
    child.start()
    child.join()
"""


def test_processes_that_are_about_to_end_are_not_left_behind(runner: Runner) -> None:
    """As the resource tracker of multiprocessing, which sees that its program is gone; so the key is revoked."""
    done = runner.run("sh", "-c", "(sleep 0.25) >/dev/null 2>&1 & exit 0")
    assert "left processes behind" not in done.err
    (runner.folder / "program.py").write_text(SPAWNS)
    assert "left processes behind" not in runner.run(PYTHON, "program.py").err


def test_exit_code_is_the_programs_though_nobody_reads_ours(runner: Runner) -> None:
    """As after `2>&1 >/dev/null | head -1`."""
    command = run_command(*runner.options(), "sh", "-c", "exec 2>&-; sleep 0.2; exit 4")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=runner.environment, cwd=runner.folder)
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(TIMEOUT_S) == 4


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_exit_code_is_the_programs_though_a_stream_is_closed(runner: Runner, closed: str) -> None:
    """As a supervisor starts it that has no stdin to give."""
    command = shlex.join(run_command(*runner.options(), "sh", "-c", "echo out; echo err >&2; exit 4"))
    ended = subprocess.run(
        ["sh", "-c", f"{command} {closed}"],
        capture_output=True,
        env=runner.environment,
        cwd=runner.folder,
        timeout=TIMEOUT_S,
    )
    assert ended.returncode == 4, ended.stderr
    assert ended.stdout == (b"" if ">&- " in f" {closed} ".replace("2>&-", "") else b"out\n")
