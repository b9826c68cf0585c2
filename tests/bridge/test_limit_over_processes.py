"""The limit of a key over four processes on one file, over restarts and crashes; and floods of what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from tests.processes import TracenProcess, running_tracen, start_tracen
from tests.viewer_alone import running_viewers

pytestmark = pytest.mark.anyio

PAYLOAD = {
    "prompt": "a",
    "response": "b",
    "provider": "openai",
    "model": "m",
    "status": "success",
    "steps": [],
}
TIMEOUT_S = 60


async def posted(servers: Sequence[str], key: str, count: int) -> Counter[int]:
    """How many of `count` posts were answered how, all at once and by turns to each server."""
    limits = httpx2.Limits(max_connections=count)
    async with httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT_S, limits=limits) as client:

        async def post(number: int) -> httpx2.Response:
            server = servers[number % len(servers)]
            return await client.post(f"{server}/api/traces", json=PAYLOAD, headers={"x-tracen-key": key})

        answers = await asyncio.gather(*(post(number) for number in range(count)))
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"hour";q=100;w=3600'
        assert ("retry-after" in answer.headers) == (answer.status_code == 429)
    return Counter(answer.status_code for answer in answers)


async def test_limit_lets_100_of_200_in_over_four_processes(tmp_path: Path) -> None:
    """All at once: exactly 100, whichever process was asked; another key has its own."""
    with running_tracen(tmp_path / "t.db") as tracen, running_viewers(tracen.db, 3) as viewers:
        servers = [tracen.http, *viewers]
        other = tracen.create_key("eve@example.com")
        mine, others = await asyncio.gather(posted(servers, tracen.key, 200), posted(servers, other, 10))
        assert (mine, others) == ({200: 100, 429: 100}, {200: 10})
        assert await posted(servers, tracen.key, 20) == {429: 20}
        assert kept(viewers[0], tracen.key) == 100


def kept(server: str, key: str) -> int:
    """How many traces the account of a key has."""
    with httpx2.Client(trust_env=False, timeout=TIMEOUT_S, headers={"x-tracen-key": key}) as client:
        told, count = client.get(f"{server}/api/traces?limit=100").json(), 0
        while told["traces"]:
            count += len(told["traces"])
            if not told["next"]:
                break
            told = client.get(f"{server}/api/traces", params={"limit": 100, "cursor": told["next"]}).json()
        return count


async def test_limit_is_the_same_after_a_restart_and_after_a_crash(tmp_path: Path) -> None:
    """30, an orderly restart, 30 more, kill -9: then exactly 40 are left, in all processes together."""
    db = tmp_path / "t.db"
    tracen = start_tracen(db)
    try:
        with running_viewers(db, 3) as viewers:
            assert await posted([tracen.http, *viewers], tracen.key, 30) == {200: 30}
            assert tracen.stop() == 0
            tracen = restarted(tracen)
            assert await posted([tracen.http, *viewers], tracen.key, 30) == {200: 30}
            tracen.kill()
            tracen = restarted(tracen)
            assert await posted([tracen.http, *viewers], tracen.key, 200) == {200: 40, 429: 160}
            assert tracen.stop() == 0
    finally:
        tracen.kill()
        tracen.close()


async def test_limit_counts_what_a_crash_left_unanswered(tmp_path: Path) -> None:
    """The process with most of the work is killed at its first answer: what it kept counts, whoever heard of it."""
    db = tmp_path / "t.db"
    tracen = start_tracen(db)
    try:
        with running_viewers(db, 3) as viewers:
            servers, answered = [tracen.http] * 5 + viewers, 0
            async with httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:

                async def post(number: int) -> None:
                    nonlocal answered
                    answer = await client.post(
                        f"{servers[number % 8]}/api/traces",
                        json=PAYLOAD,
                        headers={"x-tracen-key": tracen.key},
                    )
                    assert answer.status_code == 200
                    answered += 1
                    if number % 8 < 5:
                        tracen.kill()

                told = await asyncio.gather(*(post(number) for number in range(80)), return_exceptions=True)
            lost = [error for error in told if error is not None]
            assert all(isinstance(error, httpx2.TransportError) for error in lost)
            assert answered + len(lost) == 80
            tracen = restarted(tracen)
            after = await posted([tracen.http, *viewers], tracen.key, 200)
            assert 100 - 80 <= after[200] <= 100 - answered
            assert kept(viewers[0], tracen.key) == 100
            assert tracen.stop() == 0
    finally:
        tracen.kill()
        tracen.close()


def restarted(tracen: TracenProcess) -> TracenProcess:
    """A new server over the file of one that has ended."""
    tracen.close()
    return start_tracen(tracen.db, key=tracen.key)
