"""`tracen open` as a process: which page it means, and what a browser is given."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess, running_tracen

TIMEOUT_S = 60
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `tracen open …` where there is no display."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRACEN_") and name not in _SCREENS
    }
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "open", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=inherited | environment,
    )
    assert "Traceback" not in done.stderr
    return done


def opened(*arguments: str, **environment: str) -> str:
    done = run(*arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    """Of an account without traces."""
    return tracen.create_key(f"{fresh_id().hex()}@example.com")


def export(tracen: TracenProcess, key: str, trace_id: bytes) -> str:
    headers = {"content-type": "application/json", "x-tracen-key": key}
    body = json_body(json_span(trace_id))
    answer = httpx2.post(
        f"{tracen.http}/v1/traces", content=body, headers=headers, trust_env=False, timeout=60
    )
    url: str = answer.headers["x-tracen-url"]
    return url


def test_newest_trace_is_opened(tracen: TracenProcess, key: str) -> None:
    """Of the key's account, on the server of the store or at the endpoint; without a display it says so."""
    export(tracen, key, fresh_id())
    url = export(tracen, key, fresh_id())
    done = run("--db", str(tracen.db), TRACEN_KEY=key)
    assert (done.returncode, done.stdout) == (0, f"{url}\n")
    assert "there is no display here. Copy the URL" in done.stderr
    assert opened(TRACEN_KEY=key, TRACEN_ENDPOINT=tracen.http) == url


def test_trace_is_named_in_three_ways(tracen: TracenProcess, key: str) -> None:
    """By page id, by OTel trace id, by URL, which keeps what it chooses of the page."""
    trace_id = fresh_id()
    url = export(tracen, key, trace_id)
    at = ("--endpoint", tracen.http, "--no-browser")
    assert opened(url.rpartition("/")[2], *at) == url
    assert opened(trace_id.hex(), *at, TRACEN_KEY=key) == url
    assert opened(f"{url}?step=2#prompt", *at) == f"{url}?step=2#prompt"


def test_browser_is_given_the_url_and_nothing_of_the_pipe(
    tracen: TracenProcess, key: str, tmp_path: Path
) -> None:
    """A browser that talks, and is open for long, neither adds to stdout nor holds it."""
    url = export(tracen, key, fresh_id())
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho talk\nprintf %s "$1" > {tmp_path}/shown\nsleep 30 &\n')
    browser.chmod(0o755)
    done = run("--endpoint", tracen.http, TRACEN_KEY=key, BROWSER=f"{browser} %s")
    assert (done.returncode, done.stdout) == (0, f"{url}\n")
    assert (tmp_path / "shown").read_text() == url
    (tmp_path / "shown").unlink()
    assert opened("--endpoint", tracen.http, "--no-browser", TRACEN_KEY=key, BROWSER=f"{browser} %s") == url
    assert not (tmp_path / "shown").exists()


def test_app_logs_in_once(tracen: TracenProcess) -> None:
    """On the machine with the store: as the local account; elsewhere it is the list, and its log-in."""
    link = opened("--app", "--db", str(tracen.db))
    with httpx2.Client(trust_env=False, base_url=tracen.http) as client:
        assert "local@tracen" in client.get(link).text
        ticket = {"ticket": link.partition("=")[2]}
        answer = client.post("/login/link", data=ticket, headers={"sec-fetch-site": "same-origin"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/app/traces")
        assert client.get("/app/traces").status_code == 200
        assert client.get(link).status_code == 410
    assert opened("--app", "--endpoint", tracen.http) == f"{tracen.http}/app/traces"
    assert "/login/link?ticket=" in opened("--app", "--endpoint", tracen.http, "--db", str(tracen.db))


def test_local_account_needs_no_key(tmp_path: Path) -> None:
    """Where the store is: its newest trace, with a key that is revoked again."""
    with running_tracen(tmp_path / "t.db") as tracen:
        at = ("--db", str(tracen.db), "--no-browser")
        assert "this account has no trace yet" in run(*at).stderr
        url = export(tracen, tracen.key, fresh_id())
        assert opened(*at) == url
        assert opened(*at, "--endpoint", tracen.http) == url
        listed = [sys.executable, "-m", "bridge", "keys", "list", "--db", str(tracen.db), "--json"]
        keys = subprocess.run(listed, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
        valid = [key["label"] for key in map(json.loads, keys.splitlines()) if key["is_valid"]]
        assert valid == ["First key"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["https://evil.example/traces/x"], 1, "is not of http"),
        (["file:///etc/passwd"], 1, "is not of http"),
        (["javascript://x"], 1, "is not of http"),
        (["HTTP/../../x"], 1, "expected a page id"),
        (["--app", "x"], 2, "leave TRACE out"),
        (["0f8fad5b-d9cb-469f-a165-70867728950e"], 1, "there is no page"),
        (["0123456789abcdef0123456789abcdef"], 1, "nothing of trace"),
        ([], 1, "has no trace yet"),
    ],
)
def test_what_can_not_be_opened_is_told(
    tracen: TracenProcess, key: str, arguments: list[str], code: int, words: str
) -> None:
    """And nothing is printed that could be taken for a URL."""
    done = run(*arguments, TRACEN_KEY=key, TRACEN_ENDPOINT=tracen.http)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "rest", [".evil.example/traces/x", "@evil.example/", "/../x", '/traces/"x', "\x1b[31m"]
)
def test_url_that_only_begins_like_the_server_is_refused(tracen: TracenProcess, key: str, rest: str) -> None:
    """Another host, another place, what a shell or a terminal would obey."""
    done = run(tracen.http + rest, TRACEN_KEY=key, TRACEN_ENDPOINT=tracen.http)
    assert (done.returncode, done.stdout) == (1, "")
    assert "\x1b" not in done.stderr


def test_deleted_page_is_told(tracen: TracenProcess, key: str) -> None:
    """A browser would show that it is gone."""
    page_id = export(tracen, key, fresh_id()).rpartition("/")[2]
    headers = {"x-tracen-key": key}
    assert (
        httpx2.delete(
            f"{tracen.http}/api/traces/{page_id}", headers=headers, trust_env=False, timeout=60
        ).status_code
        == 204
    )
    done = run(page_id, "--endpoint", tracen.http)
    assert (done.returncode, done.stdout) == (1, "")
    assert "was deleted" in done.stderr


def test_nobody_there_is_told(tmp_path: Path) -> None:
    """With the address and what helps, before a key is asked for; and no URL that leads nowhere."""
    done = run(TRACEN_KEY="k", TRACEN_ENDPOINT="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://127.0.0.1:9" in done.stderr
    for more in ([], ["--app"]):
        done = run(*more, "--endpoint", "http://127.0.0.1:9")
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            "http://127.0.0.1:9 can not be reached: Connection refused; --endpoint names another"
            in done.stderr
        )


def test_server_that_is_somewhere_else_takes_a_key(tracen: TracenProcess, tmp_path: Path) -> None:
    """Its store is not that of --db, so nobody can make one here."""
    done = run("--endpoint", tracen.http, "--db", str(tmp_path / "other.db"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Give --key or set TRACEN_KEY" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "open",
        "stop",
        "demo",
        "doctor",
        "accounts list",
        "keys create --account a@a.example",
        "backup x",
        "serve",
        "forward --status",
    ],
)
def test_home_of_nobody_is_wrong_use(words: str) -> None:
    """The same for every command that has a store, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *words.split(), "--db", "~nobody-of-that-name/t.db"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no user ~nobody-of-that-name here" in " ".join(done.stderr.split())


class _Liar(BaseHTTPRequestHandler):
    """Answers as no Tracen server does, with addresses of its own."""

    told: object = None

    def do_GET(self) -> None:
        body = json.dumps(self.told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Liar)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_address_that_a_server_tells_is_not_opened(liar: str) -> None:
    """What is opened is under the address that was asked, or nothing is."""
    page_id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    _Liar.told = {"traces": [{"trace_id": page_id, "url": "https://evil.example/"}], "next": None}
    assert opened("--endpoint", liar, TRACEN_KEY="k") == f"{liar}/traces/{page_id}"
    for trace_id in ("../../x", "//evil.example", "\x1b[31m", 7, None):
        _Liar.told = {"traces": [{"trace_id": trace_id, "url": "https://evil.example/"}]}
        done = run("--endpoint", liar, TRACEN_KEY="k")
        assert (done.returncode, done.stdout) == (1, "")
        assert re.search("did not answer as Tracen does", done.stderr)
