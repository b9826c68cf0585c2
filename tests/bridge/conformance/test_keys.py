"""Keys over OTLP, at the real process: revoked ones, and what a body's declared length is worth."""

from __future__ import annotations

import socket
import time

import grpc
import pytest

from tests.bridge.conformance.clients import PROTOBUF, names, over_grpc, over_http
from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.processes import TracenProcess
from viewer.keys import sha256_of
from viewer.store.engines import open_store

SOON_S = 10


@pytest.fixture
def revocable(tracen: TracenProcess) -> TracenProcess:
    """The shared server, with a key of its own."""
    fields = {name: getattr(tracen, name) for name in tracen.__dataclass_fields__}
    return TracenProcess(**fields | {"key": tracen.create_key("grace@conformance.example")})


@pytest.mark.anyio
async def test_revoked_key_is_refused_within_a_second_or_two(revocable: TracenProcess) -> None:
    """Revoked beside the running server, in use a moment before; for good, since senders must not retry."""
    assert over_http(revocable, b"").status == 200
    assert over_grpc(revocable, b"").status is grpc.StatusCode.OK
    store = open_store(str(revocable.db), exclusive=False)
    try:
        key = await store.accounts.key(sha256_of(revocable.key))
        assert key is not None
        await store.accounts.revoke_key(key.account_id, key.id, time.time_ns())
    finally:
        await store.close()
    deadline = time.monotonic() + SOON_S
    while over_http(revocable, b"").status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for send, status in ((over_http, 401), (over_grpc, grpc.StatusCode.UNAUTHENTICATED)):
        answer = send(revocable, b"")
        assert (answer.status, answer.retry_after_s) == (status, None)
        assert "revoked" in answer.message


def test_more_bytes_than_declared_are_400(tracen: TracenProcess) -> None:
    """The body ends where its head says; what follows is no request, and nothing of it is stored."""
    second = fresh_id()
    body = protobuf((fresh_id(), fresh_id(8), "first"))
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-tracen-key: {tracen.key}\r\ncontent-type: {PROTOBUF}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    host, _, port = tracen.otlp_http.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=SOON_S) as connection:
        connection.sendall(head.encode() + body + protobuf((second, fresh_id(8), "second")) + b"\r\n\r\n")
        answered = b""
        while piece := connection.recv(65536):
            answered += piece
    statuses = [line for line in answered.split(b"\r\n") if line.startswith(b"HTTP/")]
    assert statuses[-1] == b"HTTP/1.1 400 Bad Request"
    assert names(tracen, second) == []
