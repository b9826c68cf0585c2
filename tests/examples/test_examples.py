"""The example behind `make run`, run as a newcomer runs it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.processes import running_tracen

RUN = Path(__file__).parents[2] / "examples" / "run.py"
URL = re.compile(r"http://\S+/traces/[0-9a-f-]{36}")


def get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", parts.path)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, body


def what_happened(url: str) -> dict[str, Any]:
    """Answer a page's payload without what differs from run to run: ids and times."""
    status, body = get(url + ".json")
    assert status == 200
    payload = json.loads(re.sub(rb'created([\\"]+):\d+', rb"created\1:0", body))  # when the model answered
    name_by_id = {step["id"]: step["name"] for step in payload["steps"]}
    payload["sources"] = {field: name_by_id[step_id] for field, step_id in payload["sources"].items()}
    for told in (payload, *payload["steps"]):
        for name in ("id", "parent_id", "otel_trace_id", "timestamp"):
            told.pop(name, None)
        for name in [name for name in told if "latency" in name or "time" in name]:
            del told[name]
    return payload  # type: ignore[no-any-return]


def test_run_makes_two_pages_that_tell_the_same_and_ends_in_order(tmp_path: Path) -> None:
    """Both URLs tell the whole run, a taken port is no obstacle, and SIGTERM leaves nothing behind."""
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", 4318))
            taken.listen()
        run = subprocess.Popen(
            [sys.executable, str(RUN), "--db", str(tmp_path / "example.db")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stdout is not None
        told = ""
        while "until you press Ctrl-C" not in told:
            line = run.stdout.readline()
            assert line, run.communicate()[1]
            told += line
        exported, otlp = URL.findall(told)
        pages = [what_happened(exported), what_happened(otlp)]
        statuses = [get(exported)[0], get(otlp)[0]]
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=20)

    assert "Port 4318 is taken" in told
    assert statuses == [200, 200]
    assert pages[0] == pages[1]
    assert pages[0]["prompt"] == "Where is it warmer today, in Lisbon or in Oslo?"
    assert pages[0]["response"] == "Lisbon, with 24 °C; Oslo has 7 °C."
    assert [step["kind"] for step in pages[0]["steps"]] == ["agent", "llm", "tool", "tool", "llm"]
    assert pages[0]["input_tokens"] > pages[0]["output_tokens"] > 0
    assert (run.returncode, "Traceback" in err) == (0, False)
    assert "Ended." in out
    with pytest.raises(ConnectionRefusedError):
        get(exported)


def test_run_says_what_is_wrong_when_tracen_can_not_start(tmp_path: Path) -> None:
    """A file that another Tracen uses is named, without a traceback."""
    db = tmp_path / "used.db"
    with running_tracen(db):
        run = subprocess.run(
            [sys.executable, str(RUN), "--once", "--db", str(db)], capture_output=True, text=True, timeout=60
        )

    assert run.returncode == 1
    assert "Tracen did not start; its messages are above." in run.stderr
    assert str(db) in run.stderr
    assert "Traceback" not in run.stderr


def test_run_names_missing_packages() -> None:
    """Without the packages of the virtual environment the example says how to get them."""
    run = subprocess.run([sys.executable, "-S", "-I", str(RUN)], capture_output=True, text=True, timeout=60)

    assert run.returncode == 1
    assert "openai" in run.stderr
    assert "`make setup` installs everything" in run.stderr
    assert "Traceback" not in run.stderr


def test_agent_says_which_setting_is_missing(tmp_path: Path) -> None:
    """Started by hand without a model it names the setting, without a traceback."""
    agent = subprocess.run(
        [sys.executable, str(RUN.parent / "agent.py")],
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert agent.returncode == 1
    assert "OPENAI_API_KEY" in agent.stderr
    assert "Traceback" not in agent.stderr
