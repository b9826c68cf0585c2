"""`tracen accounts …` as processes of their own, beside a running server and without one."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from bridge.commands.accounts import accounts
from tests.processes import TracenProcess, start_tracen
from tests.viewer.accounts.site import EMAIL, FROM_A_PAGE, PASSWORD
from viewer.front.sample import page_of_sample, plant
from viewer.store.sqlite import SqliteStore

TIMEOUT_S = 60


def run(db: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `tracen accounts …` to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
    return subprocess.run(
        [sys.executable, "-m", "bridge", "accounts", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=inherited | {"TRACEN_DB": str(db)} | environment,
    )


def done(db: Path, *arguments: str, stdin: str = "") -> str:
    """What a command that succeeds prints."""
    finished = run(db, *arguments, stdin=stdin)
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stdout


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A store with one account."""
    path = tmp_path / "tracen.db"
    assert done(path, "create", "Ada@TEAM.example") == f"{EMAIL}\n"
    return path


@pytest.fixture(scope="module")
def kept_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one account, for what changes nothing."""
    path = tmp_path_factory.mktemp("accounts") / "tracen.db"
    done(path, "create", EMAIL)
    return path


def test_list_is_a_line_an_account(db: Path) -> None:
    """In a pipe: address, made, password, plan, subscription, with tabs between."""
    done(db, "create", "bob@team.example")
    done(db, "password", EMAIL, "--stdin", stdin=f"{PASSWORD}\n")
    done(db, "subscribe", EMAIL, "--plan", "pro", "--until", "2099-12-31")
    rows = [line.split("\t") for line in done(db, "list").splitlines()]
    assert [row[0] for row in rows] == [EMAIL, "bob@team.example"]
    assert [row[2:] for row in rows] == [
        ["password", "pro", "subscribed until 2099-12-31"],
        ["-", "-", "-"],
    ]
    done(db, "unsubscribe", EMAIL)
    assert done(db, "list").splitlines()[0].split("\t")[3:] == ["-", "-"]


def test_list_is_an_object_an_account_for_programs(db: Path) -> None:
    """With the same figures, times in ISO 8601."""
    done(db, "subscribe", EMAIL, "--plan", "pro", "--until", "2190-01-02")
    (told,) = [
        one for one in map(json.loads, done(db, "list", "--json").splitlines()) if one["email"] == EMAIL
    ]
    assert told | {"created_at": None} == {
        "email": EMAIL,
        "created_at": None,
        "has_password": False,
        "plan": "pro",
        "is_subscribed": True,
        "subscribed_until": "2190-01-03T00:00:00Z",
    }


def test_list_is_a_table_in_a_terminal(kept_db: Path) -> None:
    """With titles."""
    reading, writing = pty.openpty()
    command = [sys.executable, "-m", "bridge", "accounts", "list", "--db", str(kept_db)]
    subprocess.run(command, stdout=writing, check=True, timeout=TIMEOUT_S)
    os.close(writing)
    told = os.read(reading, 10_000).decode()
    os.close(reading)
    assert "ADDRESS" in told
    assert EMAIL in told


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("create", EMAIL), 1, f"there is an account {EMAIL} already"),
        (("create", "ada@team"), 2, "a domain such as team.example"),
        (("invite", EMAIL), 1, "already"),
        (("link", "nobody@team.example"), 1, "there is no account nobody@team.example"),
        (("link", EMAIL, "--base-url", "traces.example"), 2, "start of a URL"),
        (("password", EMAIL, "--stdin"), 1, "8 characters"),
        (("password", "nobody@team.example", "--stdin"), 1, "no account"),
        (("subscribe", EMAIL, "--until", "2020-01-01"), 2, "this day is over"),
        (("subscribe", EMAIL, "--until", "soon"), 2, "--until"),
        (("subscribe", EMAIL, "--until", "9999-12-31"), 2, "a day before 2200-01-01"),
        (("subscribe", EMAIL, "--plan", "pro\x1b[31m"), 2, "expected a name of a-z"),
        (("subscribe", EMAIL, "--plan", "Pro Plan"), 2, "expected a name of a-z"),
        (("delete", EMAIL), 1, "Delete ada@team.example"),  # nobody says yes
        (("delete", "nobody@team.example", "--yes"), 1, "no account"),
        (("list", "--db", "no-such-file.db"), 2, "no store no-such-file.db; `tracen serve` makes it, --db"),
        (("rename", EMAIL), 2, "No such command"),
    ],
)
def test_what_can_not_be_done_is_told(
    kept_db: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    """1: it failed, 2: it was called wrongly; a message, and nothing on stdout."""
    finished = run(kept_db, *arguments, stdin="short\n")
    assert finished.returncode == code, finished
    assert told in " ".join(finished.stderr.split())
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr


def test_what_the_servers_settings_do_not_know_is_refused(kept_db: Path) -> None:
    """As far as the command has them too: another plan, an invitation where sign-up is closed."""
    finished = run(kept_db, "subscribe", EMAIL, "--plan", "gold", TRACEN_PLANS="free=100,pro=1000")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "expected a plan of TRACEN_PLANS (free, pro), got 'gold'" in " ".join(finished.stderr.split())
    finished = run(kept_db, "invite", TRACEN_SIGN_UP="closed")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "no invitation is taken" in " ".join(finished.stderr.split())


def test_password_that_is_no_text_is_refused(kept_db: Path) -> None:
    """Bytes that are no UTF-8 are nothing that a browser could send again."""
    finished = subprocess.run(
        [sys.executable, "-m", "bridge", "accounts", "password", EMAIL, "--stdin", "--db", str(kept_db)],
        input=b"pass \xff\xfe word\n",
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    assert finished.returncode == 1
    assert b"in UTF-8" in finished.stderr
    assert b"Traceback" not in finished.stderr


def test_refused_commands_changed_nothing(kept_db: Path) -> None:
    """The account is as it was."""
    row = done(kept_db, "list").split("\t")
    assert (row[0], row[2:]) == (EMAIL, ["-", "-", "-\n"])


def test_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    """And left alone."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear Ada, " * 100)
    finished = run(path, "list")
    assert finished.returncode == 2
    assert finished.stderr.startswith("tracen: ")
    assert "Traceback" not in finished.stderr


def test_every_command_has_an_example() -> None:
    """In its help."""
    assert len(accounts.commands) == 8
    for name, command in accounts.commands.items():
        assert f"Example: tracen accounts {name}" in (command.help or "") or name == "password"


def test_commands_work_beside_a_running_server(db: Path) -> None:
    """What they do holds at once: links and invitations open the door, a deleted account is shut out."""
    tracen = start_tracen(db, "--sign-up", "invitation")
    try:
        _through_the_doors(tracen)
    finally:
        assert tracen.stop() == 0
        tracen.close()


def _through_the_doors(tracen: TracenProcess) -> None:
    link = done(tracen.db, "link", EMAIL).strip()
    invitation = done(tracen.db, "invite").strip()
    elsewhere = done(tracen.db, "link", EMAIL, "--base-url", "https://traces.example")
    assert elsewhere.startswith("https://traces.example/")
    with httpx2.Client(base_url=tracen.http, headers=FROM_A_PAGE, timeout=TIMEOUT_S) as ada:
        assert EMAIL in ada.get(link).text
        assert ada.post("/login/link", data={"ticket": link.partition("=")[2]}).status_code == 303
        assert ada.get("/app/account").status_code == 200
        done(tracen.db, "password", EMAIL, "--stdin", stdin=f"{PASSWORD}\n")
        assert ada.get("/app/account").status_code == 303  # a new password ends what was open
        assert ada.post("/login", data={"email": EMAIL, "password": PASSWORD}).status_code == 303
    with httpx2.Client(base_url=tracen.http, headers=FROM_A_PAGE, timeout=TIMEOUT_S) as bob:
        form = {"email": "bob@team.example", "password": PASSWORD}
        assert bob.post("/signup", data=form).status_code == 403
        assert bob.get(invitation).status_code == 200
        answer = bob.post("/signup", data=form | {"invitation": invitation.partition("=")[2]})
        assert answer.status_code == 303
        assert bob.get("/app/account").status_code == 200
        done(tracen.db, "delete", "bob@team.example", "--yes")
        assert bob.get("/app/account").status_code == 303
        assert bob.post("/login", data=form).status_code == 401


@pytest.mark.parametrize(
    "arguments", [["keys", "create", "--account"], ["accounts", "link"], ["accounts", "delete", "--yes"]]
)
def test_account_of_the_example_is_left_alone(tmp_path: Path, arguments: list[str]) -> None:
    """It is in no list, and no command is for it: the front page would lose its example."""
    path = tmp_path / "tracen.db"

    async def planted() -> bool:
        store = SqliteStore(path)
        await plant(store, time.time_ns())
        page = await page_of_sample(store, time.time_ns())
        await store.close()
        return page is not None

    assert asyncio.run(planted())
    assert done(path, "list") == ""
    command = [sys.executable, "-m", "bridge", *arguments, "Sample@Tracen", "--db", str(path)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "sample@tracen is the server's own" in refused.stderr
    assert asyncio.run(planted())
