"""What an owner hears of a private trace, on a running server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.processes import TracenProcess, running_tracen
from tests.viewer.accounts.members import Member, join
from tests.viewer.accounts.test_start_events import client_of, revoke_sessions, send
from viewer.store.engines import open_store


def make_private(tracen: TracenProcess, member: Member) -> None:
    """Have what comes over OTLP be private."""

    async def choose() -> None:
        store = open_store(str(tracen.db), exclusive=False)
        await store.accounts.set_otlp_private(member.account.id, True)
        await store.close()

    asyncio.run(choose())


def page_of(tracen: TracenProcess, member: Member, trace_id: bytes) -> str:
    async def found() -> str:
        store = open_store(str(tracen.db), exclusive=False)
        page = await store.page_of(member.account.id, trace_id, time.time_ns())
        await store.close()
        assert page is not None
        assert page.is_private
        return page.id

    return asyncio.run(found())


def test_owner_who_logs_out_hears_no_more_of_a_private_trace(tmp_path: Path) -> None:
    """What comes after that is told nobody; the page is said to be gone."""
    with running_tracen(tmp_path / "t.db") as tracen:
        ada, trace_id = join(tracen, "ada@example.com"), fresh_id()
        make_private(tracen, ada)
        assert send(tracen, ada.secret, protobuf((trace_id, fresh_id(8), "first"))) == 200
        path = f"/traces/{page_of(tracen, ada, trace_id)}/events"
        with client_of(tracen, ada) as client, client.stream("GET", path) as answer:
            assert answer.status_code == 200
            events = (line for line in answer.iter_lines() if line.startswith("event: "))
            assert next(events) == "event: change"
            revoke_sessions(tracen, ada)
            assert send(tracen, ada.secret, protobuf((trace_id, fresh_id(8), "late"))) == 200
            assert list(events) == ["event: gone"]
