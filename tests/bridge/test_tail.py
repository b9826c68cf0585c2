"""`tracen tail` as a process of its own, beside a running server."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from bridge.asking import Server, ServerError
from bridge.tail import Tail
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess, running_tracen
from tests.tracen_otel.scripted_server import Step, answer, scripted_server
from tests.viewer.markup import Page
from tests.viewer.samples import PLAIN

ESCAPES = "\r\nFAKE \x1b[31m\u202e"


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    """Of an account without traces."""
    return tracen.create_key(f"{fresh_id().hex()}@example.com")


def export(tracen: TracenProcess, key: str, name: str) -> None:
    headers = {"content-type": "application/json", "x-tracen-key": key}
    body = json_body(json_span(fresh_id(), name=name))
    answer = httpx2.post(
        f"{tracen.http}/v1/traces", content=body, headers=headers, trust_env=False, timeout=60
    )
    assert answer.status_code == 200


def tail_command(endpoint: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "bridge", "tail", "--endpoint", endpoint, *more]


def test_tail_prints_each_new_trace_and_ends_on_ctrl_c(tracen: TracenProcess, key: str) -> None:
    """Earlier ones first, then what arrives, nothing twice; in a pipe without colour or escapes."""
    export(tracen, key, "earlier")
    command = tail_command(tracen.http, "--key", key)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert "earlier" in tail.stdout.readline()
        for n in range(3):
            export(tracen, key, f"new {n}{ESCAPES}")
            line = tail.stdout.readline()
            assert f"new {n}" in line
            assert f"{tracen.http}/traces/" in line
            assert not set("\r\x1b\u202e") & set(line)
        tail.send_signal(signal.SIGINT)
        assert tail.stdout.read() == ""
        assert tail.wait(60) == 0
        assert tail.stderr.read() == ""


def test_tail_tells_status_and_day_as_other_lists_do(tracen: TracenProcess, key: str) -> None:
    """What has no end yet is no success; the hour of another day alone would say nothing."""
    headers = {"content-type": "application/json", "x-tracen-key": key}
    spans = [
        json_span(fresh_id(), name="unfinished", parentSpanId="ab" * 8),
        json_span(fresh_id(), name="long ago", startTimeUnixNano=str(1_700_000_000 * 10**9)),
    ]
    for span in spans:
        answer = httpx2.post(
            f"{tracen.http}/v1/traces", content=json_body(span), headers=headers, trust_env=False, timeout=60
        )
        assert answer.status_code == 200
    command = tail_command(tracen.http, "--key", key)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        told = {line[26:66].strip(): line for line in (tail.stdout.readline() for _ in spans)}
        tail.send_signal(signal.SIGINT)
    assert told["unfinished"][14:26] == "unfinished  "
    assert told["long ago"].startswith("Nov 14  2023  success     ")


def test_tail_needs_no_key_where_the_store_is(tmp_path: Path) -> None:
    """It follows the local account, and revokes the key of its own at the end."""
    with running_tracen(tmp_path / "t.db") as tracen:
        export(tracen, tracen.key, "of the local account")
        command = [sys.executable, "-m", "bridge", "tail", "--db", str(tracen.db)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
            assert tail.stdout is not None
            assert "of the local account" in tail.stdout.readline()
            tail.send_signal(signal.SIGINT)
            assert tail.wait(60) == 0
        listed = [sys.executable, "-m", "bridge", "keys", "list", "--db", str(tracen.db)]
        keys = subprocess.run(listed, capture_output=True, text=True, timeout=60, check=True).stdout
    state_by_label = {line.split("\t")[2]: line.split("\t")[6] for line in keys.splitlines()}
    assert state_by_label == {"First key": "valid", "tracen tail": "revoked"}


def test_tail_looks_for_the_server_before_it_asks_for_a_key(tmp_path: Path) -> None:
    """Who has none running has no use for a key."""
    done = subprocess.run(
        tail_command("http://127.0.0.1:9", "--db", str(tmp_path / "t.db")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://127.0.0.1:9 can not be reached: Connection refused" in done.stderr


def listing(*trace_ids: str) -> Step:
    traces = [{"trace_id": trace_id} for trace_id in trace_ids]
    return answer(200, json.dumps({"traces": traces, "next": None}).encode())


def test_tail_goes_on_with_another_key_when_its_own_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is made for it ends after a day; what came meanwhile is told, and nothing twice."""
    monkeypatch.setattr("bridge.tail.POLL_S", 0)
    tail = Tail(last=10)
    with scripted_server(listing("a"), answer(401), listing("b", "a")) as server:
        first = tail.follow(Server(server.endpoint))
        assert next(first)["trace_id"] == "a"
        with pytest.raises(ServerError, match="refuses the key"):
            next(first)
        assert tail.is_answered
        assert next(tail.follow(Server(server.endpoint)))["trace_id"] == "b"


def test_tail_says_in_its_help_how_it_ends() -> None:
    """As it does: Ctrl-C is its normal end."""
    command = [sys.executable, "-m", "bridge", "tail", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Exit codes: 0 ended by Ctrl-C" in told


def test_tail_json_is_the_summary_of_the_api(tracen: TracenProcess, key: str) -> None:
    """For programs."""
    export(tracen, key, "a" + ESCAPES)
    command = tail_command(tracen.http, "--key", key, "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        told = json.loads(tail.stdout.readline())
        tail.send_signal(signal.SIGINT)
        assert tail.wait(60) == 0
    listed = httpx2.get(
        f"{tracen.http}/api/traces", headers={"x-tracen-key": key}, trust_env=False, timeout=60
    )
    assert told == listed.json()["traces"][0]


def test_tail_names_a_posted_run_as_its_page_does(tracen: TracenProcess, key: str) -> None:
    """By the first line of its prompt, where it has no title; the API names it so too."""
    with httpx2.Client(
        base_url=tracen.http, headers={"x-tracen-key": key}, trust_env=False, timeout=60
    ) as api:
        posted = api.post("/api/traces", json=PLAIN | {"prompt": "Plan a weekend\nin Lisbon."}).json()
        assert [one["title"] for one in api.get("/api/traces").json()["traces"]] == ["Plan a weekend"]
        assert Page(api.get(posted["url"]).text).texts("h1") == ["Plan a weekend"]
    command = tail_command(tracen.http, "--key", key)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        assert "Plan a weekend  " in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)


def test_tail_says_what_keeps_it_from_starting(tracen: TracenProcess, key: str) -> None:
    """Nobody there, a wrong key, no key."""
    for arguments, code, words in (
        (("http://127.0.0.1:9", "--key", "k"), 1, "can not be reached"),
        ((tracen.http, "--key", "wrong"), 1, "refuses the key"),
        ((tracen.http, "--key", "", "--db", "/nowhere/t.db"), 2, "tracen keys create --account local@tracen"),
        ((f"{tracen.http}/nowhere", "--key", key), 1, "404"),
        (("nonsense", "--key", "k"), (1, 2), "nonsense"),
    ):
        done = subprocess.run(tail_command(*arguments), capture_output=True, text=True, timeout=60)
        assert done.returncode in (code if isinstance(code, tuple) else (code,)), done.stderr
        assert words in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def test_tail_asks_the_server_of_the_store(tracen: TracenProcess, key: str, tmp_path: Path) -> None:
    """Where no endpoint is given; and a key that another server refuses is told so."""
    export(tracen, key, "of this store")
    command = [sys.executable, "-m", "bridge", "tail", "--key", key]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
    at = kept | {"TRACEN_DB": str(tracen.db)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=at) as tail:
        assert tail.stdout is not None
        assert "of this store" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(60) == 0
    with running_tracen(tmp_path / "other.db") as other:
        asked = [*command, "--endpoint", other.http]
        done = subprocess.run(asked, capture_output=True, text=True, env=at, timeout=60)
    assert done.returncode == 1
    assert f"the server of this store is another one, at {tracen.http}" in done.stderr


def test_tail_sends_no_key_to_the_usual_address_while_its_server_is_elsewhere(tmp_path: Path) -> None:
    """A server that has the file, but does not tell where it is."""
    with (tmp_path / "t.db.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
        done = subprocess.run(
            [sys.executable, "-m", "bridge", "tail", "--key", "k"],
            capture_output=True,
            text=True,
            env=kept | {"TRACEN_DB": str(tmp_path / "t.db")},
            timeout=60,
        )
    assert done.returncode == 2
    assert "name it with --endpoint" in done.stderr
