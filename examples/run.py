"""`make run`: Tracen, a model and an agent on this machine, and the URLs of two pages to look at.

Starts `tracen serve` on a SQLite file, makes a key, starts the model of model_server/, lets agent.py run,
prints its pages, and keeps serving until Ctrl-C.

    python examples/run.py [--db FILE] [--once]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
ACCOUNT = "local@tracen"
"""That to which the link of `tracen serve` leads."""
PACKAGES = ("grpc", "openai", "openinference.instrumentation.openai", "starlette", "uvicorn")
PORT_BY_OPTION = {"--port": 8000, "--otlp-grpc-port": 4317, "--otlp-http-port": 4318}
FOREIGN_SETTINGS = ("OPENAI_", "OTEL_", "TRACEN_", "no_proxy")
"""Of the user's own environment: they would send the example's traces or questions elsewhere."""
START_TIMEOUT_S = 60.0
AGENT_TIMEOUT_S = 120.0
END_TIMEOUT_S = 10.0
GRACE_S = 1.0
TRACEN_READY = re.compile(r"ready http=(\S+) otlp-grpc=(\S+) otlp-http=(\S+)")
MODEL_READY = re.compile(r"ready (\S+)")


class CannotRun(Exception):
    """Something a newcomer can do something about; its text says what."""


@dataclass(frozen=True, slots=True)
class Tracen:
    """A running `tracen serve`."""

    process: subprocess.Popen[str]
    db: Path
    http: str
    otlp_http: str


def main() -> int:
    """Run the example; the exit status is 0 when both pages were made."""
    parser = argparse.ArgumentParser(description="Tracen, a model and an agent on this machine.")
    parser.add_argument("--db", type=Path, help="the SQLite file (default: example.db in the checkout)")
    parser.add_argument("--once", action="store_true", help="end when the pages are there")
    options = parser.parse_args()
    stop_on_signals()
    try:
        check_packages()
        with ExitStack() as running:
            run_example(running, options.db, once=options.once)
    except (CannotRun, subprocess.TimeoutExpired) as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Ended.")
    return 0


def run_example(running: ExitStack, db: Path | None, *, once: bool) -> None:
    """Start everything, tell the pages, and serve on. Raises CannotRun."""
    say("Starting Tracen …")
    tracen = start_tracen(running, db)
    key = create_key(tracen.db)
    with started([sys.executable, "-m", "examples.model_server"]) as model:
        (model_url,) = wait_ready(model, MODEL_READY, "the model server")
        say("Running the example agent twice …")
        exported, otlp = run_agent(tracen, key, model_url)
    say(
        f"\nThe agent's page, sent by TracenSpanExporter: {exported}\n"
        f"A second run's page, sent over OTLP:           {otlp}\n"
    )
    if not once:
        say(f"Tracen serves them at {tracen.http} until you press Ctrl-C. They are kept in {tracen.db}.")
        status = tracen.process.wait()
        raise CannotRun(f"Tracen ended by itself, with status {status}; its messages are above.")


# -- Tracen -------------------------------------------------------------------------------------------


def start_tracen(running: ExitStack, db: Path | None) -> Tracen:
    """Start `tracen serve`: on `db`, or on the example's file, or on a new one where that is in use."""
    ports = port_options()
    if db is not None:
        return start_tracen_on(running, db, ports)
    try:
        return start_tracen_on(running, CHECKOUT / "example.db", ports)
    except CannotRun:
        say("That did not work; trying again with a new file.")
        return start_tracen_on(running, CHECKOUT / f"example-{os.getpid()}.db", ports)


def start_tracen_on(running: ExitStack, db: Path, ports: list[str]) -> Tracen:
    """Start `tracen serve` on a file. Raises CannotRun."""
    command = [sys.executable, "-m", "bridge", "serve", "--db", str(db), *ports]
    process = running.enter_context(started(command))
    http, _, otlp_http = wait_ready(process, TRACEN_READY, "Tracen")
    return Tracen(process, db, http, otlp_http)


def port_options() -> list[str]:
    """The usual ports, and free ones for those that are taken."""
    options = []
    for option, port in PORT_BY_OPTION.items():
        free = is_free(port)
        if not free:
            say(f"Port {port} is taken by another program; Tracen picks a free one instead ({option} 0).")
        options += [option, str(port if free else 0)]
    return options


def is_free(port: int) -> bool:
    """Tell whether something may listen on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def create_key(db: Path) -> str:
    """Make a key, as an operator would."""
    command = [sys.executable, "-m", "bridge", "keys", "create", "--account", ACCOUNT, "--label", "make run"]
    command += ["--db", str(db)]
    made = subprocess.run(  # noqa: S603 - a program of this checkout
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, timeout=START_TIMEOUT_S, check=False
    )
    if made.returncode != 0 or not made.stdout.strip():
        raise CannotRun("No key could be made; the messages above say why.")
    return made.stdout.strip()


# -- the agent ----------------------------------------------------------------------------------------


def run_agent(tracen: Tracen, key: str, model_url: str) -> Sequence[str]:
    """Run agent.py in an environment that knows Tracen and the model; answers the URLs of its two pages."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)},
        "NO_PROXY": "127.0.0.1",
        "OPENAI_BASE_URL": model_url,
        "OPENAI_API_KEY": "unused-by-the-example-model",
        "TRACEN_ENDPOINT": tracen.http,
        "TRACEN_KEY": key,
        "OTEL_EXPORTER_OTLP_ENDPOINT": tracen.otlp_http,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-tracen-key={key}",
    }
    with started([sys.executable, str(HERE / "agent.py")], environment) as agent:
        try:
            printed, _ = agent.communicate(timeout=AGENT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise CannotRun(f"The agent did not end within {AGENT_TIMEOUT_S:.0f} seconds.") from None
    urls = printed.split()
    if agent.returncode != 0 or len(urls) != 2:
        raise CannotRun("The example agent failed; its messages are above.")
    return urls


# -- processes ----------------------------------------------------------------------------------------


def check_packages() -> None:
    """Raise CannotRun where something is not installed."""
    missing = [name for name in PACKAGES if not is_installed(name)]
    if missing:
        raise CannotRun(
            f"Not installed in {sys.prefix}: {', '.join(missing)}. `make setup` installs everything."
        )


def is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@contextmanager
def started(command: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a program for the length of a block; its messages go to our stderr."""
    process = subprocess.Popen(  # noqa: S603 - programs of this checkout
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    except KeyboardInterrupt:
        has_ended(process, GRACE_S)  # Ctrl-C reached it too, and a second signal would cut it short
        raise
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ask a program to end, then insist."""
    if process.poll() is None:
        process.terminate()
        if not has_ended(process, END_TIMEOUT_S):
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def has_ended(process: subprocess.Popen[str], timeout_s: float) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def wait_ready(process: subprocess.Popen[str], ready: re.Pattern[str], who: str) -> tuple[str, ...]:
    """Read the line that a server prints when its doors are open; answers what the pattern names."""
    timer = threading.Timer(START_TIMEOUT_S, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    if found := ready.match(line):
        return found.groups()
    raise CannotRun(f"{who} did not start; its messages are above.")


def stop_on_signals() -> None:
    """The first Ctrl-C or SIGTERM ends the example in order; more of them do not disturb that."""

    def stop(number: int, frame: object) -> None:
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, stop)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
