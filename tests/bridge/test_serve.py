"""`tracen serve` as a process: starting, being refused a start, ending, crashing."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest

from bridge.console import command_on
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess, running_tracen, serve_command, start_tracen
from viewer.settings import default_db


def refused(*command: str) -> str:
    """What a command says that must exit with 2, without a traceback and with nothing on stdout."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def send(tracen: TracenProcess, trace_id: bytes) -> int:
    headers = {"x-tracen-key": tracen.key, "content-type": "application/json"}
    url = f"{tracen.otlp_http}/v1/traces"
    return httpx2.post(
        url, content=json_body(json_span(trace_id)), headers=headers, trust_env=False
    ).status_code


def is_shown(tracen: TracenProcess, trace_id: bytes) -> bool:
    url = f"{tracen.http}/api/traces/by-otel/{trace_id.hex()}"
    return httpx2.get(url, headers={"x-tracen-key": tracen.key}, trust_env=False).status_code == 200


def test_serve_prints_the_first_key_once_and_its_hash_alone_is_kept(tmp_path: Path) -> None:
    """The key works, comes back on no later start, and is in no file of the store."""
    db = tmp_path / "new folder" / "tracen.db"
    db.parent.mkdir()
    with running_tracen(db) as tracen:
        key = tracen.key
        assert send(tracen, fresh_id()) == 200
    with running_tracen(db) as tracen:
        assert tracen.key == ""
        tracen.key = key
        assert send(tracen, fresh_id()) == 200
    assert all(key.encode() not in file.read_bytes() for file in tmp_path.rglob("tracen.db*"))


def test_command_of_the_first_start_makes_a_link_to_this_server(tmp_path: Path) -> None:
    """As it was printed: with the file and the address, which are not the defaults."""
    db = tmp_path / "new folder" / "tracen.db"
    db.parent.mkdir()
    with running_tracen(db) as tracen:
        told = db.with_suffix(".stderr").read_text()
        found = re.search(r"`tracen (open --app .+)` opens", told)
        assert found
        command = [sys.executable, "-m", "bridge", *shlex.split(found[1]), "--no-browser"]
        link = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        assert link.startswith(f"{tracen.http}/")
        assert httpx2.get(link.strip(), trust_env=False, follow_redirects=True).status_code == 200


def test_serve_names_a_command_that_makes_a_key_where_there_is_none(tmp_path: Path) -> None:
    """As after runs, whose keys have ended. It works as it was printed, and then nothing is said."""
    db = tmp_path / "new folder" / "tracen.db"
    db.parent.mkdir()
    tracen = [sys.executable, "-m", "bridge"]
    run = [*tracen, "run", "--no-stay", "--db", str(db), "--", "true"]
    subprocess.run(run, capture_output=True, timeout=60, check=True)
    with running_tracen(db) as server:
        found = re.search(r"`tracen (keys create .+)` makes one", db.with_suffix(".stderr").read_text())
        assert found
        command = [*tracen, *shlex.split(found[1])]
        server.key = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()
        assert send(server, fresh_id()) == 200
    with running_tracen(db):
        assert "makes one" not in db.with_suffix(".stderr").read_text()


def test_serve_says_how_to_have_a_key_where_the_first_was_another_accounts(tmp_path: Path) -> None:
    """And it makes none unasked: whoever has deleted the local account wants none."""
    db = tmp_path / "t.db"
    command = [sys.executable, "-m", "bridge", "keys", "create", "--account", "a@b.example", "--db", str(db)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert made.stderr == "The account a@b.example was made: there was none.\n"
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert again.stderr == ""
    with running_tracen(db) as tracen:
        assert tracen.key == ""
        told = db.with_suffix(".stderr").read_text()
        assert f"`tracen keys create --account local@tracen --db {db}` makes one" in told
        assert f"`tracen open --app --db {db}` opens" in told


def test_command_of_the_first_start_leaves_out_what_is_the_default() -> None:
    """It is read by somebody who has just begun."""
    assert command_on(default_db(), "open", "--app") == "tracen open --app"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--allowed-hosts", "a.example,http://b.example", "without scheme or port such as a.example, or *"),
        ("--allowed-hosts", "a.example:8000", "got 'a.example:8000'"),
        ("--plans", "bad", "expected plans such as free=100,pro=1000"),
    ],
)
def test_serve_refuses_settings_that_mean_nothing(
    tmp_path: Path, option: str, value: str, words: str
) -> None:
    """No request would ever have such a host; and a plan has its number."""
    said = " ".join(refused(*serve_command(tmp_path / "t.db"), option, value).split())
    assert words in said


@pytest.mark.parametrize("option", ["--port", "--otlp-grpc-port", "--otlp-http-port"])
def test_serve_on_a_taken_port_says_which(tmp_path: Path, option: str) -> None:
    """A clear message with the port, exit code 2, and no file left locked."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused(*serve_command(tmp_path / "t.db", option, str(port)))
    assert str(port) in message
    assert "in use" in message
    assert f"{option} names another, 0 picks a free one" in message


def test_serve_that_can_not_start_makes_no_key(tmp_path: Path) -> None:
    """The first key is shown once: not on a start that failed before anybody could use it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(*serve_command(tmp_path / "t.db", "--otlp-grpc-port", str(taken.getsockname()[1])))
    with running_tracen(tmp_path / "t.db") as tracen:
        assert tracen.key


def test_serve_beside_another_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """Two servers would be two writers; the first one goes on."""
    with running_tracen(tmp_path / "t.db") as tracen:
        message = refused(*serve_command(tmp_path / "t.db"))
        assert "another `tracen serve`" in message
        assert f"`tracen stop --db {tmp_path / 't.db'}`" in message
        assert send(tracen, fresh_id()) == 200


def test_serve_on_what_is_no_store_says_so(tmp_path: Path) -> None:
    """A foreign file, a folder, a path below a file."""
    foreign = tmp_path / "notes.txt"
    foreign.write_text("not a database, but long enough to be read as one " * 100)
    assert "not a database" in refused(*serve_command(foreign))
    assert str(tmp_path) in refused(*serve_command(tmp_path))
    assert "notes.txt" in refused(*serve_command(foreign / "t.db"))
    command = serve_command(foreign)
    command[command.index(str(foreign))] = "postgresql://user:secret@db/tracen"
    message = refused(*command)
    assert "only a SQLite file" in message
    assert "secret" not in message


def test_serve_with_a_wrong_option_explains_it(tmp_path: Path) -> None:
    """What came and what would be accepted."""
    wrong = {
        "--port": ("99999", "65535"),
        "--requests-per-hour": ("0", "x>=1"),
        "--max-body-bytes": ("-1", "x>=1"),
        "--base-url": ("http://例え.jp", "https://traces.example"),
        "--plans": ("free=100,Pro=1", "plans such as free=100,pro=1000"),
    }
    for option, (value, expected) in wrong.items():
        message = refused(*serve_command(tmp_path / "t.db", option, value))
        assert option in message
        assert expected in message


def test_serve_takes_settings_from_the_environment_and_flags_win(tmp_path: Path) -> None:
    """Every flag has its TRACEN_ variable."""
    command = serve_command(tmp_path / "t.db")
    environment = os.environ | {"TRACEN_BASE_URL": "https://traces.example/", "TRACEN_PORT": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = process.stdout.readline()
        key = process.stderr.readline().split()[-1]
        http = ready.split("http=")[1].split()[0]
        payload = {
            "prompt": "",
            "response": "",
            "provider": "custom",
            "model": "",
            "status": "success",
            "steps": [],
        }
        answer = httpx2.post(
            f"{http}/api/traces", json=payload, headers={"x-tracen-key": key}, trust_env=False
        )
        process.terminate()
        assert process.wait(20) == 0
    assert answer.json()["url"].startswith("https://traces.example/traces/")


def test_keys_create_beside_a_running_server_works_at_once(tracen: TracenProcess) -> None:
    """It prints the key alone; the same account's keys share pages, another account's do not."""
    first, second, other = (
        tracen.create_key(email) for email in ("a@example.com", "A@example.com", "b@example.com")
    )
    assert len({first, second, other}) == 3
    body, headers = json_body(json_span(fresh_id())), {"content-type": "application/json"}
    urls = [
        httpx2.post(
            f"{tracen.otlp_http}/v1/traces",
            content=body,
            headers=headers | {"x-tracen-key": key},
            trust_env=False,
        ).headers["x-tracen-url"]
        for key in (first, second, other)
    ]
    assert urls[0] == urls[1] != urls[2]


def test_keys_create_refuses_what_is_no_email(tmp_path: Path) -> None:
    """The message says what was expected."""
    command = [
        *serve_command(tmp_path)[:3],
        "keys",
        "create",
        "--account",
        "ada",
        "--db",
        str(tmp_path / "t.db"),
    ]
    assert "email" in refused(*command)


def test_acknowledged_spans_survive_sigkill(tmp_path: Path) -> None:
    """Killed amid parallel requests: every trace that was answered 200 has its page afterwards."""
    tracen = start_tracen(tmp_path / "t.db")
    acknowledged: list[bytes] = []
    enough = threading.Event()

    def keep_sending() -> None:
        while True:
            trace_id = fresh_id()
            try:
                if send(tracen, trace_id) == 200:
                    acknowledged.append(trace_id)
            except httpx2.HTTPError:
                return
            if len(acknowledged) >= 30:
                enough.set()

    threads = [threading.Thread(target=keep_sending) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    tracen.kill()
    for thread in threads:
        thread.join(30)
    assert tracen.process.stdout is not None
    tracen.process.stdout.close()
    key = tracen.key
    with running_tracen(tmp_path / "t.db") as again:
        again.key = key
        missing = [trace_id for trace_id in acknowledged if not is_shown(again, trace_id)]
    assert not missing


def test_sigterm_finishes_what_is_in_flight(tmp_path: Path) -> None:
    """A request whose body is still arriving at SIGTERM is answered, then the process exits with 0."""
    with running_tracen(tmp_path / "t.db") as tracen:
        host, _, port = tracen.otlp_http.removeprefix("http://").partition(":")
        trace_id = fresh_id()
        body = json_body(json_span(trace_id))
        head = (
            f"POST /v1/traces HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"x-tracen-key: {tracen.key}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head + body[:10])
            assert send(tracen, fresh_id()) == 200  # by now the server has read the first part
            tracen.process.terminate()
            connection.sendall(body[10:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert tracen.process.wait(20) == 0
    with running_tracen(tmp_path / "t.db") as again:
        again.key = tracen.key
        assert is_shown(again, trace_id)


def test_logs_hold_no_key_and_no_payload(tmp_path: Path) -> None:
    """What a server writes to stderr beyond the first key's line names nothing of what it was sent."""
    with running_tracen(tmp_path / "t.db") as tracen:
        body = json_body(json_span(fresh_id(), "very secret name"))
        for content in (body, body[:-5], b"very secret garbage"):
            headers = {"x-tracen-key": tracen.key, "content-type": "application/json"}
            httpx2.post(f"{tracen.otlp_http}/v1/traces", content=content, headers=headers, trust_env=False)
        key = tracen.key
    first_line, _, rest = (tmp_path / "t.stderr").read_text().partition("\n")
    assert key in first_line
    assert "secret" not in rest
    assert key not in rest


def test_store_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """The store holds prompts: other users of the machine can not read it, nor its WAL."""
    with running_tracen(tmp_path / "t.db") as tracen:
        assert send(tracen, fresh_id()) == 200
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("t.db*")}
    assert {"t.db", "t.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}, json.dumps(modes)
