"""`tracen doctor` as a process of its own, as newcomers and programs call it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import httpx2
import pytest

from tests.bridge.diagnosis.clinic import (
    GENERAL,
    HEADERS,
    PROTOCOL,
    STRANGE_KEY,
    add_key,
    over_grpc,
    over_http,
)
from tests.processes import TracenProcess
from tests.tracen_otel.scripted_server import closed_port

TIMEOUT_S = 60
NOT_INHERITED = ("TRACEN_", "OTEL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GRPC_PROXY")


def clean_environment(**variables: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.upper().startswith(NOT_INHERITED)}
    return inherited | variables


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bridge", "doctor", *arguments]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `tracen doctor` to its end; it never shows a traceback, nor the middle of a key."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=clean_environment(**variables),
    )
    assert "Traceback" not in done.stderr
    for text in (*arguments, *variables.values()):
        if "tracen_sk_" in text:
            middle = text.partition("tracen_sk_")[2][6:26]
            assert middle not in done.stdout + done.stderr
    return done


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    return add_key(tracen)


def traces(tracen: TracenProcess, key: str) -> list[dict[str, object]]:
    answer = httpx2.get(
        f"{tracen.http}/api/traces", headers={"x-tracen-key": key}, trust_env=False, timeout=60
    )
    told: list[dict[str, object]] = answer.json()["traces"]
    return told


def test_healthy_setup_is_ok_at_every_door_and_leaves_nothing(tracen: TracenProcess, key: str) -> None:
    """Exit code 0, each line ok, no colour in a pipe, and no trace afterwards."""
    done = run("--endpoint", tracen.http, TRACEN_KEY=key, TRACEN_DB=str(tracen.db))
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    marks = {line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("    ")}
    assert marks == {"ok"}
    for door in ("gRPC", "HTTP protobuf", "HTTP JSON", "POST"):
        assert f"  ok   {door:13} sent, and on its page" in done.stdout
    assert lines[-1] == "All is well: what you send becomes a page."
    assert "\x1b" not in done.stdout
    assert traces(tracen, key) == []


def test_json_is_an_object_a_check_and_one_for_all(tracen: TracenProcess, key: str) -> None:
    """For programs; over the variables of OTLP alone."""
    variables = over_http(tracen.otlp_http, key, TRACEN_DB=str(tracen.db))
    done = run("--json", **variables)
    assert done.returncode == 0
    *checks, last = map(json.loads, done.stdout.splitlines())
    assert {check["verdict"] for check in checks} == {"ok"}
    assert set(checks[0]) == {"verdict", "about", "check", "found", "repair"}
    assert last == {"verdict": "ok", "conclusion": "All is well: what you send becomes a page.", "repair": []}


def test_grpc_is_tried_where_the_variables_say_so(tracen: TracenProcess, key: str) -> None:
    """And nothing else of OTLP; the server's own store is not known here, yet the page is read and deleted."""
    done = run(**over_grpc(f"http://{tracen.otlp_grpc}", key), TRACEN_DB="/nowhere/t.db")
    assert done.returncode == 0, done.stdout
    assert "  ok   gRPC          sent, and on its page" in done.stdout
    assert "HTTP JSON" not in done.stdout
    assert traces(tracen, key) == []


def test_setup_that_is_broken_ends_with_1_and_the_likeliest_cause(tracen: TracenProcess) -> None:
    """In words on lines of their own, the repair beneath."""
    port = closed_port()
    variables = {GENERAL: f"http://127.0.0.1:{port}", HEADERS: f"x-tracen-key={STRANGE_KEY}"}
    done = run(**variables, TRACEN_DB=str(tracen.db))
    assert done.returncode == 1
    cause = f"nothing listens at 127.0.0.1:{port}; Tracen runs at {tracen.http}"
    assert f"  FAIL port          {cause}\n" in done.stdout
    repair = f"-> export {GENERAL}={tracen.otlp_http} {PROTOCOL}=http/protobuf"
    assert f"                     {repair}\n" in done.stdout
    assert f"\nLikeliest cause (port): {cause}.\n" in done.stdout
    assert done.stdout.splitlines()[-1] == repair
    told = run("--json", **variables, TRACEN_DB=str(tracen.db))
    assert told.returncode == 1
    last = json.loads(told.stdout.splitlines()[-1])
    assert last["verdict"] == "fail"
    assert last["repair"] == [repair.removeprefix("-> ")]


def test_warnings_alone_end_with_0(tracen: TracenProcess, key: str) -> None:
    variables = over_http(f"{tracen.otlp_http}/v1/traces", key, TRACEN_DB=str(tracen.db))
    done = run(**variables)
    assert done.returncode == 0
    assert "  warn OTLP path " in done.stdout
    assert "\nNothing is broken. Worth a look (OTLP path): " in done.stdout
    assert done.stdout.splitlines()[-1] == f"-> export {GENERAL}={tracen.otlp_http}"


@pytest.mark.parametrize(
    "endpoint", ["nonsense", "http://", "'http://127.0.0.1:1'", "http://[::1", "http://a b"]
)
def test_endpoint_that_is_none_is_a_finding_and_no_crash(endpoint: str) -> None:
    done = run("--endpoint", endpoint, "--no-post", "--key", STRANGE_KEY)
    assert done.returncode == 1
    assert "  FAIL Tracen        --endpoint=" in done.stdout
    assert "-> --endpoint " in done.stdout


@pytest.mark.skipif(shutil.which("script") is None, reason="no script command on this machine")
def test_terminal_gets_signs_and_colour_in_its_width(tracen: TracenProcess, key: str) -> None:
    """With room to the left of what wraps; `script` is a terminal."""
    words = " ".join(command("--endpoint", tracen.http, "--no-post"))
    done = subprocess.run(
        ["script", "-qec", f"stty cols 90; {words}", "/dev/null"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        env=clean_environment(TRACEN_KEY=key, TRACEN_DB=str(tracen.db), TERM="xterm", LC_ALL="C.UTF-8"),
    )
    assert done.returncode == 0, done.stdout
    assert "\x1b[32m✓\x1b[0m gRPC" in done.stdout
    assert "  – POST          left out" in done.stdout
    plain = re.sub(r"\x1b\[\d*m", "", done.stdout)
    assert all(len(line) <= 90 for line in plain.splitlines() if "→" not in line)


def test_encoding_without_signs_gets_words(tracen: TracenProcess, key: str) -> None:
    done = run(
        "--endpoint", tracen.http, TRACEN_KEY=key, TRACEN_DB=str(tracen.db), PYTHONIOENCODING="latin-1"
    )
    assert done.returncode == 0, done.stderr
    assert "  ok   POST " in done.stdout
    assert done.stdout.isascii()


def test_reader_that_stops_reading_is_no_error(tracen: TracenProcess, key: str) -> None:
    """As `| head -1` does."""
    variables = clean_environment(**over_http(tracen.otlp_http, key))
    with subprocess.Popen(
        command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
    ) as doctor:
        assert doctor.stdout is not None
        assert doctor.stderr is not None
        assert doctor.stdout.readline() == "Environment\n"
        doctor.stdout.close()
        assert "Traceback" not in doctor.stderr.read()
    assert traces(tracen, key) == []


def test_doctor_that_is_interrupted_leaves_nothing(tracen: TracenProcess, key: str) -> None:
    """What it has sent so far is deleted all the same."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        variables = over_grpc(f"http://127.0.0.1:{port}", key, TRACEN_KEY=key, TRACEN_ENDPOINT=tracen.http)
        with subprocess.Popen(
            command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(**variables),
        ) as doctor:
            assert doctor.stdout is not None
            assert doctor.stderr is not None
            while not doctor.stdout.readline().startswith("  ok   POST"):
                assert doctor.poll() is None
            doctor.send_signal(signal.SIGINT)
            assert doctor.wait(TIMEOUT_S) == -signal.SIGINT
            assert "Traceback" not in doctor.stderr.read()
    assert traces(tracen, key) == []
