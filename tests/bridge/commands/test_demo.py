"""`tracen demo` as a process of its own, beside a running server."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.asking import Server
from bridge.demo import removal
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess
from viewer.accounts.addresses import LOCAL
from viewer.store.engines import open_store


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    """Of an account without traces."""
    return tracen.create_key(f"{fresh_id().hex()}@example.com")


def traces_of(tracen: TracenProcess, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    fields = {"limit": "100"}
    while True:
        answer = httpx2.get(
            f"{tracen.http}/api/traces",
            params=fields,
            headers={"x-tracen-key": key},
            trust_env=False,
            timeout=60,
        ).json()
        found += answer["traces"]
        if not answer["next"]:
            return found
        fields["cursor"] = answer["next"]


def test_demo_fills_an_account_and_takes_away_what_it_made_alone(tracen: TracenProcess, key: str) -> None:
    """What programs sent stays; the pages of the demo are gone for good."""
    own = json_body(json_span(fresh_id(), name="a program's own"))
    headers = {"x-tracen-key": key, "content-type": "application/json"}
    httpx2.post(f"{tracen.http}/v1/traces", content=own, headers=headers, trust_env=False, timeout=60)
    account = ["--endpoint", tracen.http, "--key", key]
    done = run_demo(*account, "--count", "12", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "12 traces, " in done.stderr
    shown = [line.split()[-1] for line in done.stdout.splitlines()]
    assert len(shown) == 6
    assert all(httpx2.get(url, trust_env=False, timeout=60).status_code == 200 for url in shown)
    titles = {trace["title"] for trace in traces_of(tracen, key)}
    assert {"Nightly summaries", "a program's own"} <= titles
    assert len(titles) >= 10
    done = run_demo(*account, "--delete")
    assert (done.returncode, done.stderr) == (0, "12 demo traces deleted\n")
    assert [trace["title"] for trace in traces_of(tracen, key)] == ["a program's own"]
    assert httpx2.get(shown[0], trust_env=False).status_code == 410


def test_all_that_the_demo_made_is_deleted_however_many_pages_list_it(
    tracen: TracenProcess, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came at one moment is listed by how much of it was before: deleting on the way would pass over some."""
    monkeypatch.setattr(removal, "_PAGE", 5)
    done = run_demo("--endpoint", tracen.http, "--key", key, "--count", "18", "--seed", "4")
    assert done.returncode == 0, done.stderr
    gone = list(removal.delete_all(lambda: Server(tracen.http, key)))
    assert gone == [True] * 18
    assert traces_of(tracen, key) == []


def test_demo_masks_the_secrets_that_it_sends(tracen: TracenProcess, key: str) -> None:
    """One of its traces shows what a page does with a key in a prompt."""
    done = run_demo("--endpoint", tracen.http, "--key", key, "--count", "6")
    url = next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("secrets"))
    page = httpx2.get(url, trust_env=False).text
    assert "sk-proj-" not in page
    assert "masked: OpenAI key" in page


def test_demo_without_a_server_says_what_to_start(tmp_path: Path) -> None:
    """Exit code 1, and the command that helps."""
    done = run_demo("--db", str(tmp_path / "none.db"))
    assert done.returncode == 1
    assert "start one with `tracen serve`" in done.stderr


async def labels_of_keys(db: Path) -> set[str]:
    """Of the keys of the local account that still open it."""
    store = open_store(str(db), exclusive=False)
    try:
        account = await store.accounts.create(LOCAL, 1)
        return {key.label for key in await store.accounts.keys_of(account.id) if not key.revoked}
    finally:
        await store.close()


def test_demo_finds_the_server_of_a_file_and_leaves_no_key(tracen: TracenProcess) -> None:
    """A key that was made for it is revoked when it is done."""
    done = run_demo("--db", str(tracen.db), "--count", "1")
    assert done.returncode == 0, done.stderr
    assert f"To log in there: tracen open --app --db {tracen.db}\n" in done.stderr
    assert "tracen demo" not in asyncio.run(labels_of_keys(tracen.db))
    assert run_demo("--db", str(tracen.db), "--delete").stderr.endswith("1 demo trace deleted\n")


def test_demo_tells_programs_what_came(tracen: TracenProcess) -> None:
    """In one object; the server of the store is the same under its address, and needs no key there either."""
    at = ("--endpoint", tracen.http, "--db", str(tracen.db), "--json")
    done = run_demo(*at, "--count", "2")
    told = json.loads(done.stdout)
    assert (done.returncode, told["traces"], len(told["pages"])) == (0, 2, 2), done.stderr
    assert told["pages"][0]["what"] == "a support agent"
    assert httpx2.get(told["pages"][0]["url"], trust_env=False, timeout=60).status_code == 200
    assert json.loads(run_demo(*at, "--delete").stdout) == {"deleted": 2}


def test_demo_at_a_dead_address_is_told_without_a_count(tmp_path: Path) -> None:
    """Before a key is asked for, and with what helps."""
    for key in ([], ["--key", "k"]):
        done = run_demo("--endpoint", "http://127.0.0.1:9", *key, "--db", str(tmp_path / "t.db"))
        assert (done.returncode, done.stdout) == (1, "")
        words = "can not be reached: Connection refused; --endpoint names another server"
        assert done.stderr.startswith(f"tracen: http://127.0.0.1:9 {words}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_that_is_ended_leaves_no_key(number: signal.Signals, tracen: TracenProcess) -> None:
    """It dies of the signal, as shells expect, and tidies up first; what has come can be taken away."""
    command = [sys.executable, "-m", "bridge", "demo", "--db", str(tracen.db), "--count", "100000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        until = time.monotonic() + 60
        while "tracen demo" not in asyncio.run(labels_of_keys(tracen.db)):
            assert time.monotonic() < until
            time.sleep(0.05)
        demo.send_signal(number)
        assert demo.wait(60) == -number
        assert "Traceback" not in demo.stderr.read()
    assert "tracen demo" not in asyncio.run(labels_of_keys(tracen.db))
    assert run_demo("--db", str(tracen.db), "--delete").returncode == 0
