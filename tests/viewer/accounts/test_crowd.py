"""Accounts on a real server: a crowd at the log-in, and an account that is gone from every file."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.processes import TracenProcess, running_tracen
from tests.viewer.accounts.site import EMAIL, FROM_A_PAGE, PASSWORD

CANARY = "canary-4f1d8a7c"


@pytest.fixture
def own_tracen(tmp_path: Path) -> Iterator[TracenProcess]:
    """A server that nobody else uses."""
    with running_tracen(tmp_path / "tracen.db") as tracen:
        yield tracen


def client_of(tracen: TracenProcess) -> httpx2.Client:
    return httpx2.Client(base_url=tracen.http, headers=FROM_A_PAGE, timeout=60)


def test_hundred_log_ins_at_once_stay_within_memory(own_tracen: TracenProcess) -> None:
    """Some are asked to come back, the others are served; two hashes' memory is taken, not a hundred's."""
    with client_of(own_tracen) as client:
        assert client.post("/signup", data={"email": EMAIL, "password": PASSWORD}).status_code == 303
    before_kb = own_tracen.peak_kb

    async def crowd() -> list[httpx2.Response]:
        limits = httpx2.Limits(max_connections=120)
        async with httpx2.AsyncClient(
            base_url=own_tracen.http, headers=FROM_A_PAGE, timeout=120, limits=limits
        ) as client:
            form = {"email": EMAIL, "password": PASSWORD}
            return await asyncio.gather(*(client.post("/login", data=form) for _ in range(100)))

    answers = asyncio.run(crowd())
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {303, 503}, statuses
    assert statuses[303] >= 50, statuses
    assert statuses[503] >= 1, statuses
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 503)
    assert own_tracen.peak_kb - before_kb < 120 * 1024  # 100 hashes would take 1,900 MiB
    with client_of(own_tracen) as client:
        assert client.post("/login", data={"email": EMAIL, "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("size", [20_000, 5_000_000, 40_000_000])
def test_form_that_is_too_large_is_told_so(own_tracen: TracenProcess, size: int) -> None:
    """Whoever sends it reads the answer, and little of it is read."""
    with client_of(own_tracen) as client:
        answer = client.post("/login", data={"email": EMAIL, "password": "x" * size})
        assert answer.status_code == 413
        answer = client.post("/signup", files={"email": b"x" * size})
        assert answer.status_code == 415
    assert own_tracen.peak_kb < 200 * 1024


def test_deleted_account_is_gone_from_every_file(own_tracen: TracenProcess) -> None:
    """Its key is refused, its pages say 410, and what it sent is in no file any more."""
    email = f"{CANARY}@team.example"
    with client_of(own_tracen) as client:
        client.post("/signup", data={"email": email, "password": PASSWORD})
        key = own_tracen.create_key(email)
        trace = json.loads(Path(__file__).parents[3].joinpath("viewer/front/sample.json").read_text())
        trace["prompt"] = f"{CANARY} {trace['prompt']}"
        posted = client.post("/api/traces", json=trace, headers={"x-tracen-key": key})
        assert posted.status_code == 200, posted.text
        path = posted.json()["url"].removeprefix(own_tracen.http)
        assert CANARY in client.get(path).text
        assert CANARY in client.get("/app/export").text
        assert is_kept(own_tracen.db)

        answer = client.post("/app/account/delete", data={"password": PASSWORD})
        assert answer.headers["location"] == "/goodbye"
        for one in (
            path,
            f"{path}.json",
            f"{path}.md",
            f"{path}/og.png",
            f"/embed/{path.rpartition('/')[2]}",
        ):
            assert client.get(one).status_code == 410, one
        time.sleep(1.1)  # as long as a key is trusted without being looked up
        assert client.post("/api/traces", json=trace, headers={"x-tracen-key": key}).status_code == 401
        assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 401
    until_s = time.monotonic() + 60
    while is_kept(own_tracen.db) and time.monotonic() < until_s:
        time.sleep(0.5)
    assert not is_kept(own_tracen.db)


def is_kept(db: Path) -> list[str]:
    """The store's files in which the canary is still found."""
    files = [path for path in db.parent.iterdir() if path.name.startswith(db.name)]
    return [path.name for path in files if re.search(CANARY.encode(), path.read_bytes())]


def test_first_start_prints_a_link_into_the_local_account(own_tracen: TracenProcess) -> None:
    """Whoever runs the server sees the traces of the key that it printed, without an account of their own."""
    told = own_tracen.db.with_suffix(".stderr").read_text()
    (link,) = re.findall(r"http\S+/login/link\?ticket=\S+", told)
    assert link.startswith(own_tracen.http)
    with client_of(own_tracen) as client:
        assert "local@tracen" in client.get(link).text
        answer = client.post("/login/link", data={"ticket": link.partition("=")[2]})
        assert answer.headers["location"] == "/app/traces"
        assert "local@tracen" in client.get("/app/account").text
