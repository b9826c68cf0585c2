"""Whatever somebody gives by mistake, no key and no password is printed, on either stream."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bridge.secrecy import shown, told
from viewer.keys import new_secret

KEY = new_secret()
TIMEOUT_S = 60
WITH_PASSWORD = (
    "http://u:secret@127.0.0.1:9",
    "http://u:sec/secret@127.0.0.1:9",
    "http://u:9/secret@127.0.0.1:9",
    "http://u:sec?secret@127.0.0.1:9",
    "http://u:sec@secret@127.0.0.1:9",
    "u:secret@127.0.0.1:9",
)


def run(*arguments: str, **variables: str) -> str:
    """What a command says, of both streams."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRACEN_", "OTEL_", "BROWSER"))}
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=kept | {"TRACEN_DB": "/nowhere/t.db"} | variables,
    )
    assert done.returncode in (1, 2), done
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", [["open"], ["open", "x"], ["tail"], ["demo"], ["doctor", "--no-post"]])
def test_key_in_the_place_of_the_endpoint_is_not_printed(command: list[str]) -> None:
    """As where two variables were mixed up; nor where it stands within a URL."""
    for endpoint in (KEY, f"http://127.0.0.1:9/{KEY}"):
        assert KEY[14:-4] not in run(*command, TRACEN_ENDPOINT=endpoint, TRACEN_KEY="k")


@pytest.mark.parametrize("words", [["open", KEY], ["open", f"http://{KEY}/"], [KEY], ["tail", f"--{KEY}"]])
def test_key_that_stands_where_it_does_not_belong_is_not_repeated(words: list[str]) -> None:
    """Nor by click's own errors."""
    assert KEY[14:-4] not in run(*words, TRACEN_KEY="k", TRACEN_ENDPOINT="http://127.0.0.1:9")


@pytest.mark.parametrize("endpoint", WITH_PASSWORD)
def test_password_in_an_endpoint_is_not_printed(endpoint: str) -> None:
    """Whatever characters it has; the commands refuse it, and doctor names it as the fault."""
    for command in ("open", "tail"):
        said = run(command, "--endpoint", endpoint, "--key", "k")
        assert "user name or password" in " ".join(said.split())
        assert "secret" not in said
    assert "secret" not in run("doctor", "--no-post", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, TRACEN_KEY=KEY)
    assert "secret" not in run("doctor", "--no-post", "--endpoint", endpoint, TRACEN_KEY=KEY)


def test_password_of_another_database_is_not_printed() -> None:
    assert "secret" not in run("check", "postgresql://u:secret@127.0.0.1/t")
    assert "secret" not in run("accounts", "list", "--db", "postgresql://u:secret@127.0.0.1/t")


@pytest.mark.parametrize("endpoint", ["http://[::1", "http://a:b", "http://a:0", "http://:1", "http://a b"])
def test_endpoint_that_is_none_is_wrong_use(endpoint: str) -> None:
    """And no traceback."""
    assert "expected the start of a URL" in " ".join(
        run("tail", "--endpoint", endpoint, "--key", "k").split()
    )


def test_what_is_shown_holds_neither_user_nor_key() -> None:
    assert shown("http://u:pa/ss@a.example/x") == "http://…@a.example/x"
    assert shown("http://u:pa?ss@a.example/x?y=1") == "http://…@a.example/x"
    assert told(f"got {KEY} and http://u:pa/ss@a.example") == "got tracen_sk_… and http://…@a.example"
