"""The events of `/app/traces` as a browser hears them, from a real server."""

from __future__ import annotations

import asyncio
import uuid

import httpx2

from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.processes import TracenProcess
from tests.viewer.accounts.members import join
from viewer.store.engines import open_store

TIMEOUT_S = 30


def test_events_end_with_the_session(tracen: TracenProcess) -> None:
    """Who logged out elsewhere hears of no more changes."""
    ada = join(tracen, f"{uuid.uuid4().hex}@example.com")
    with (
        httpx2.Client(
            base_url=tracen.http, cookies=ada.cookies, timeout=TIMEOUT_S, trust_env=False
        ) as client,
        client.stream("GET", "/app/traces/events") as answer,
    ):
        lines = answer.iter_lines()
        while next(lines) != "event: change":
            pass
        asyncio.run(_end_sessions(tracen, ada.account.id))
        headers = {"x-tracen-key": ada.secret, "content-type": "application/x-protobuf"}
        body = protobuf((fresh_id(), fresh_id(8), "late"))
        sent = httpx2.post(f"{tracen.http}/v1/traces", content=body, headers=headers, trust_env=False)
        assert sent.status_code == 200
        beats = 0
        for line in lines:
            beats += line.startswith(":")
            assert line != "event: change"
            assert beats < 2, "the stream goes on"


async def _end_sessions(tracen: TracenProcess, account_id: str) -> None:
    """As a new password does it."""
    store = open_store(str(tracen.db), exclusive=False)
    await store.accounts.end_other_sessions(account_id, b"")
    await store.close()
