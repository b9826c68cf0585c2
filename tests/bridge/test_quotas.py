"""What an account may send and keep over OTLP: refusals that senders retry, of that account alone."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import grpc
import httpx2
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from bridge.quotas import OverQuota, Quotas
from tests.bench.load import EXPORT, SMALL, Load
from tests.processes import TracenProcess, running_tracen
from viewer.store.base import Store

pytestmark = pytest.mark.anyio

BODY = Load(SMALL, requests=1).bodies[0]
DELETED_SOON_S = 60


def sent_over_http(tracen: TracenProcess, key: str) -> httpx2.Response:
    headers = {"x-tracen-key": key, "content-type": "application/x-protobuf"}
    return httpx2.post(f"{tracen.otlp_http}/v1/traces", content=BODY, headers=headers, trust_env=False)


def assert_refused_for_now(tracen: TracenProcess, key: str, words: str) -> None:
    """503 and UNAVAILABLE, with a wait of seconds in every place where senders look for it."""
    refused = sent_over_http(tracen, key)
    assert refused.status_code == 503
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert words in Status.FromString(refused.content).message
    with grpc.insecure_channel(tracen.otlp_grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(EXPORT)(BODY, timeout=30, metadata=(("x-tracen-key", key),))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    trailers = dict(raised.value.trailing_metadata())
    assert RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]).retry_delay.seconds >= 1


def test_account_that_sends_too_much_is_asked_to_wait(tmp_path: Path) -> None:
    """After that another account still gets in, and the owner of the key reads why."""
    with running_tracen(tmp_path / "t.db", "--otlp-bytes-per-minute", str(len(BODY) // 2)) as tracen:
        other = tracen.create_key("other@example.com")
        assert sent_over_http(tracen, tracen.key).status_code == 200
        assert_refused_for_now(tracen, tracen.key, "bytes a minute")
        assert sent_over_http(tracen, other).status_code == 200
        headers = {"x-tracen-key": tracen.key}
        told = httpx2.get(f"{tracen.http}/api/requests", headers=headers, trust_env=False).json()["requests"]
        assert [request["outcome"] for request in told] == ["over_quota", "over_quota", "accepted"]


def test_account_that_keeps_too_much_gets_in_again_after_a_deletion(tmp_path: Path) -> None:
    """What is deleted is counted off at once."""
    with running_tracen(tmp_path / "t.db", "--account-max-bytes", str(len(BODY))) as tracen:
        assert sent_over_http(tracen, tracen.key).status_code == 200
        assert_refused_for_now(tracen, tracen.key, "delete traces")
        with httpx2.Client(trust_env=False, headers={"x-tracen-key": tracen.key}) as client:
            (trace,) = client.get(f"{tracen.http}/api/traces?limit=1").json()["traces"]
            assert client.delete(f"{tracen.http}/api/traces/{trace['trace_id']}").status_code == 204
        assert sent_over_http(tracen, tracen.key).status_code == 200


async def test_minute_fills_up_again_with_time(store: Store) -> None:
    """A bucket of one minute's bytes: half of it is back after half a minute."""
    now_s = 0.0
    quotas = Quotas(store, 1000, 0, lambda: now_s)
    quotas.charge("1", 1500)
    with pytest.raises(OverQuota):
        await quotas.check("1")
    now_s = 29.0
    with pytest.raises(OverQuota):
        await quotas.check("1")
    now_s = 31.0
    await quotas.check("1")
    await quotas.check("2")


def test_deleted_trace_is_gone_everywhere(tmp_path: Path) -> None:
    """204, then 410 for page, JSON and the question where it is; a stranger's key is told nothing."""
    with running_tracen(tmp_path / "t.db") as tracen, httpx2.Client(trust_env=False) as client:
        stranger = tracen.create_key("stranger@example.com")
        mine = {"x-tracen-key": tracen.key}
        assert sent_over_http(tracen, tracen.key).status_code == 200
        (trace,) = client.get(f"{tracen.http}/api/traces?limit=1", headers=mine).json()["traces"]
        url = f"{tracen.http}/api/traces/{trace['trace_id']}"
        assert client.get(trace["url"]).status_code == 200
        assert client.delete(url, headers={"x-tracen-key": stranger}).status_code == 404
        assert client.delete(url).status_code == 401
        assert client.delete(url, headers=mine).status_code == 204
        assert client.get(trace["url"]).status_code == 410
        assert client.get(f"{trace['url']}.json").status_code == 410
        by_otel = f"{tracen.http}/api/traces/by-otel/{trace['otel_trace_id']}"
        assert client.get(by_otel, headers=mine).status_code == 410
        listed = client.get(f"{tracen.http}/api/traces", headers=mine).json()["traces"]
        assert trace["trace_id"] not in [one["trace_id"] for one in listed]
        assert len(listed) == 50


def test_housekeeping_runs_beside_the_doors(tmp_path: Path) -> None:
    """With a retention, what nobody looked at goes by itself. An hour is the shortest, so the batch is made older."""
    db = tmp_path / "t.db"
    with running_tracen(db) as tracen:
        key = tracen.key
        assert sent_over_http(tracen, key).status_code == 200
    make_older(db)
    with running_tracen(db, "--retention", "1h") as tracen, httpx2.Client(trust_env=False) as client:
        deadline = time.monotonic() + DELETED_SOON_S
        while client.get(f"{tracen.http}/api/traces", headers={"x-tracen-key": key}).json()["traces"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def make_older(db: Path) -> None:
    """Put the arrival of every batch two hours back."""
    connection = sqlite3.connect(f"{db}-bodies")
    with connection:
        connection.execute("update batches set received_ns = received_ns - 7200 * 1000000000")
    connection.close()
