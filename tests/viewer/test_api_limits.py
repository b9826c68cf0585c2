"""Limits as a program meets them: headers on every answer, plans, clocks that are set, keys that are guessed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.viewer.test_api import BASE_URL, PAYLOAD, problem
from viewer.app import create_app
from viewer.keys import Authenticator, create_key, new_key, new_secret, sha256_of
from viewer.limits import Guesses, Limiter, SteadyClock, plans_of
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S
from viewer.store.people import Scope, Subscription
from viewer.store.sqlite import SqliteStore

JSON = {"content-type": "application/json"}
SETTINGS = Settings(base_url=BASE_URL, max_body_bytes=10_000, requests_per_hour=3)


@dataclass
class Machine:
    """Where the service runs: its clock on the wall, the time that really passes, and its file."""

    db: Path
    settings: Settings = SETTINGS
    wall_ns: int = 1_800_000_000 * NS_PER_S
    uptime_ns: int = 55 * NS_PER_S
    key: str = ""
    client: TestClient = field(init=False)
    store: SqliteStore = field(init=False)

    def passes(self, seconds: float) -> None:
        """So much time, for both clocks."""
        self.wall_ns += int(seconds * NS_PER_S)
        self.uptime_ns += int(seconds * NS_PER_S)

    def is_set(self, by_s: int) -> None:
        """Somebody sets the clock on the wall."""
        self.wall_ns += by_s * NS_PER_S

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The service, from a start to its end."""
        self.store = SqliteStore(self.db)
        if not self.key:
            self.key = asyncio.run(create_key(self.store, "ada@example.com", 0))
        plans = plans_of(self.settings.plans, self.settings.requests_per_hour)
        clock = SteadyClock(lambda: self.wall_ns, lambda: self.uptime_ns)
        app = create_app(
            self.store,
            self.settings,
            Authenticator(self.store, lambda: self.uptime_ns / NS_PER_S),
            Requests(Metrics(), lambda: self.wall_ns),
            clock_ns=lambda: self.wall_ns,
            limiter=Limiter(self.store, plans, clock),
            guesses=Guesses(lambda: self.uptime_ns),
        )
        with TestClient(app, BASE_URL, raise_server_exceptions=False, client=("192.0.2.7", 1)) as self.client:
            yield
        asyncio.run(self.store.close())

    def asks(
        self, method: str = "POST", path: str = "/api/traces", body: bytes = b"", key: str = "", **more: str
    ) -> httpx2.Response:
        headers = {"x-tracen-key": key or self.key} | {n.replace("_", "-"): v for n, v in more.items()}
        return self.client.request(method, path, content=body or None, headers=headers)

    def posts(self, key: str = "", **more: str) -> httpx2.Response:
        return self.asks(body=json.dumps(PAYLOAD).encode(), key=key, content_type="application/json", **more)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "t.db")
    with machine.running():
        yield machine


def left(answer: httpx2.Response) -> tuple[int, int]:
    """Requests that are left, and the seconds until there are more."""
    told = re.fullmatch(r'"hour";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert told, answer.headers["ratelimit"]
    return int(told[1]), int(told[2])


# -- headers -------------------------------------------------------------------------------------------


def test_every_answer_to_a_known_key_says_what_is_left(machine: Machine) -> None:
    """Whatever was asked and whatever came of it; only an accepted post takes from it."""
    page = machine.posts().json()["trace_id"]
    otel = "/api/traces/by-otel/" + "ab" * 16
    reserved = machine.asks("PUT", otel).json()["trace_id"]
    writes_alone = new_secret()
    new = new_key(writes_alone, "", frozenset({Scope.WRITE}))
    asyncio.run(machine.store.accounts.add_key("1", new, 0))
    post = {"content_type": "application/json"}
    answers = [
        (200, machine.asks("GET")),
        (200, machine.asks("HEAD")),
        (200, machine.asks("GET", "/api/requests")),
        (200, machine.asks("PUT", otel)),
        (200, machine.asks("GET", otel)),
        (422, machine.asks("GET", "/api/traces?limit=no")),
        (404, machine.asks("GET", "/api/traces/by-otel/nonsense")),
        (404, machine.asks("PUT", "/api/traces/by-otel/nonsense")),
        (404, machine.asks("DELETE", "/api/traces/nonsense")),
        (204, machine.asks("DELETE", f"/api/traces/{page}")),
        (204, machine.asks("DELETE", f"/api/traces/{reserved}")),
        (410, machine.asks("PUT", otel)),
        (400, machine.asks(body=b"{", **post)),
        (413, machine.asks(body=b" " * 10_001, **post)),
        (415, machine.asks(body=b"{}", content_type="text/plain")),
        (415, machine.asks(body=b"{}", content_encoding="br", **post)),
        (422, machine.asks(body=b"{}", **post)),
        (422, machine.posts(idempotency_key="")),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        assert left(answer) == (2, 3600)
        assert answer.headers["ratelimit-policy"] == '"hour";q=3;w=3600'
    refused = machine.asks("GET", key=writes_alone)
    assert (refused.status_code, left(refused)) == (403, (3, 3600))


def test_answers_to_nobody_in_particular_say_nothing_of_limits(machine: Machine) -> None:
    """Without a key, with a wrong one, with a method that no key may use; and pages for people."""
    answers = [
        machine.client.get("/api/traces"),
        machine.asks(key="wrong"),
        machine.asks("PATCH"),
        machine.client.get("/healthz"),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 405, 200]
    assert not any("ratelimit" in answer.headers for answer in answers)


def test_refusal_over_the_limit_names_the_wait_three_times_alike(machine: Machine) -> None:
    """Retry-After, the header's t, a number in the body: and it is exact."""
    for number in range(3):
        assert left(machine.posts()) == (2 - number, 3600 - number * 10)
        machine.passes(10)
    refused = machine.posts()
    assert problem(refused, 429)["retry_after"] == 3570
    assert refused.headers["retry-after"] == "3570"
    assert left(refused) == (0, 3570)
    assert left(machine.asks("GET")) == (0, 3570)
    machine.passes(3569)
    assert problem(machine.posts(), 429)["retry_after"] == 1
    machine.passes(1)
    assert machine.posts().status_code == 200


def test_answer_of_a_store_that_takes_no_writes_says_what_is_left(machine: Machine) -> None:
    """Nothing was counted, and when to come again is in the body as well."""
    assert left(machine.posts()) == (2, 3600)
    copy = machine.db.with_suffix(".copy")
    with (
        contextlib.closing(sqlite3.connect(machine.db)) as there,
        contextlib.closing(sqlite3.connect(copy)) as new,
    ):
        there.backup(new)
    copy.replace(machine.db)  # nobody writes into another file than was opened; whoever reads finds the same
    refused = machine.posts()
    assert problem(refused, 503)["retry_after"] == int(refused.headers["retry-after"])
    assert left(refused) == (2, 3600)


def test_replay_is_answered_when_nothing_is_left_and_a_new_key_is_not(machine: Machine) -> None:
    """What was accepted stays so; another Idempotency-Key does not open the door."""
    first = machine.posts(idempotency_key="a")
    assert [machine.posts().status_code for _ in range(2)] == [200, 200]
    again = machine.posts(idempotency_key="a")
    assert again.json() == first.json()
    assert left(again) == (0, 3600)
    assert machine.posts(idempotency_key="b").status_code == 429


# -- plans ---------------------------------------------------------------------------------------------


def test_plan_of_the_account_decides(tmp_path: Path) -> None:
    """The first where it has none, one that is gone or has ended; another counts what was accepted before."""
    machine = Machine(tmp_path / "t.db", replace(SETTINGS, plans="free=2,pro=4"))

    def left_on(plan: str, *, is_active: bool = True) -> int:
        subscription = Subscription(plan, is_active, told_ns=machine.wall_ns + 1)
        assert asyncio.run(machine.store.accounts.set_subscription("1", subscription))
        machine.passes(2)  # in which a key is looked up again
        return left(machine.posts())[0]

    with machine.running():
        assert left(machine.posts()) == (1, 3600)
        assert left_on("pro") == 2
        assert machine.posts().headers["ratelimit-policy"] == '"hour";q=4;w=3600'
        assert left_on("gone") == 0
        assert machine.posts().status_code == 429
        assert machine.posts().headers["ratelimit-policy"] == '"hour";q=2;w=3600'
        assert left_on("pro", is_active=False) == 0
        assert machine.posts().headers["ratelimit-policy"] == '"hour";q=2;w=3600'


# -- clocks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [-3600, 3600, -1, 1, 10 * 365 * 24 * 3600])
def test_clock_that_is_set_neither_frees_a_key_nor_blocks_it(machine: Machine, step_s: int) -> None:
    """By an hour, by a leap second, by years: the limit goes by the time that passes."""
    assert left(machine.posts()) == (2, 3600)
    machine.is_set(step_s)
    machine.passes(600)
    assert left(machine.posts()) == (1, 3000)
    machine.is_set(-2 * step_s)
    assert left(machine.posts()) == (0, 3000)
    machine.passes(2999)
    assert machine.posts().status_code == 429
    machine.passes(1)
    assert left(machine.posts()) == (0, 600)


def test_clock_that_was_set_back_over_a_restart_blocks_for_a_window_at_most(tmp_path: Path) -> None:
    """What was accepted later than now counts as accepted at the first question."""
    machine = Machine(tmp_path / "t.db")
    with machine.running():
        for _ in range(3):
            assert machine.posts().status_code == 200
    machine.is_set(-5 * 3600)
    with machine.running():
        assert left(machine.asks("GET")) == (0, 3600)
        machine.passes(1800)
        assert problem(machine.posts(), 429)["retry_after"] == 1800
    with machine.running():  # again, as that is kept
        assert problem(machine.posts(), 429)["retry_after"] == 1800
        machine.passes(1800)
        assert left(machine.posts()) == (2, 3600)


def test_list_of_traces_goes_by_the_wall(machine: Machine) -> None:
    """Only the limit does not: what people read is the time that they read elsewhere."""
    machine.is_set(3600)
    machine.posts()
    told = asyncio.run(machine.store.recent_traces("1", None, 10))
    assert [trace.received_ns for trace in told] == [machine.wall_ns]


# -- keys that are guessed -----------------------------------------------------------------------------


def guess() -> str:
    """Well formed, and nobody's; or not even that."""
    return new_secret() if os.urandom(1)[0] % 2 else "tracen_sk_" + "a" * 36


def test_network_that_guesses_keys_is_told_to_wait(machine: Machine) -> None:
    """By every route; right keys of the same network pass, and who sends none is asked for one."""
    for number in range(200):
        assert machine.asks(("GET", "POST")[number % 2], key=guess()).status_code == 401
    for method, path in (
        ("POST", "/api/traces"),
        ("GET", "/api/traces"),
        ("GET", "/api/requests"),
        ("PUT", "/api/traces/by-otel/" + "ab" * 16),
        ("DELETE", "/api/traces/x"),
    ):
        refused = machine.asks(method, path, key=guess())
        assert problem(refused, 429)["retry_after"] == 1
        assert refused.headers["retry-after"] == "1"
        assert "ratelimit" not in refused.headers
        assert machine.client.request(method, path).status_code == 401
    assert machine.posts().status_code == 200
    assert machine.asks("GET").status_code == 200
    machine.passes(1)
    assert machine.asks(key=guess()).status_code == 401
    assert machine.asks(key=guess()).status_code == 429


def test_network_is_told_apart_behind_proxies_that_are_trusted(tmp_path: Path) -> None:
    """One that guesses does not use up what another may; without a proxy nobody believes the header."""
    for proxies, status_elsewhere in ((1, 401), (0, 429)):
        machine = Machine(tmp_path / f"{proxies}.db", replace(SETTINGS, proxies=proxies))
        with machine.running():
            for number in range(200):
                machine.asks(key=guess(), x_forwarded_for=f"2001:db8::{number:x}")
            assert machine.asks(key=guess(), x_forwarded_for="2001:db8::ffff:1").status_code == 429
            assert machine.asks(key=guess(), x_forwarded_for="2001:db8:1::1").status_code == status_elsewhere


def test_key_that_was_revoked_counts_as_a_guess(machine: Machine) -> None:
    """A program that goes on with it is slowed down like any other."""
    key = asyncio.run(machine.store.accounts.key(sha256_of(machine.key)))
    assert key is not None
    asyncio.run(machine.store.accounts.revoke_key(key.account_id, key.id, machine.wall_ns))
    assert [machine.posts().status_code for _ in range(201)] == [401] * 200 + [429]
