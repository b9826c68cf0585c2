"""How large a request may be, however it is sent, and what is answered beyond."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator

import grpc
import pytest
import zstandard

from tests.bridge.conformance.clients import JSON, PROTOBUF, Answer, names, over_grpc, over_http
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.processes import TracenProcess, running_tracen

Send = Callable[[TracenProcess, bytes], Answer]
LIMIT = 200_000
BOMB_BYTES = 1 << 30
MEMORY_KB = 100_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server that takes OTLP requests up to LIMIT bytes."""
    db = tmp_path_factory.mktemp("small") / "t.db"
    with running_tracen(db, "--otlp-max-body-bytes", str(LIMIT)) as tracen:
        yield tracen


def body_of(size: int, trace_id: bytes) -> bytes:
    """A request of exactly so many bytes."""
    name = "x" * (size - len(protobuf((trace_id, fresh_id(8), "")))) if size else ""
    while len(body := protobuf((trace_id, fresh_id(8), name))) > size:
        name = name[: size - len(body)]
    assert len(body) == size
    return body


def bomb(size: int = BOMB_BYTES) -> bytes:
    """gzip of so many zeros: a megabyte on the wire."""
    compressed = gzip.compress(bytes(1 << 20), 9)
    return compressed * (size >> 20)  # members of one stream


# -- as it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("send", [over_http, over_grpc])
def test_body_of_the_limit_is_taken_and_one_byte_more_is_not(
    small: TracenProcess, send: Callable[[TracenProcess, bytes], Answer]
) -> None:
    """413, and RESOURCE_EXHAUSTED without a wait: to send it again is pointless."""
    trace_id = fresh_id()
    assert send(small, body_of(LIMIT, trace_id)).rejected == 0
    assert len(names(small, trace_id)) == 1
    refused = send(small, body_of(LIMIT + 1, fresh_id()))
    assert refused.status in (413, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert refused.retry_after_s is None


def test_too_large_json_is_413_in_json(small: TracenProcess) -> None:
    """The status is in the encoding of the request."""
    refused = over_http(small, json_body(json_span(fresh_id(), "x" * LIMIT)), JSON)
    assert refused.status == 413
    assert str(LIMIT) in refused.message


def test_chunks_without_a_length_are_taken_and_counted(small: TracenProcess) -> None:
    """JavaScript exporters send no Content-Length."""
    trace_id = fresh_id()
    assert chunked(small, body_of(1000, trace_id)).startswith(b"HTTP/1.1 200")
    assert len(names(small, trace_id)) == 1
    assert chunked(small, body_of(LIMIT + 1, fresh_id())).startswith(b"HTTP/1.1 413")


def chunked(tracen: TracenProcess, body: bytes) -> bytes:
    """The start of the answer to a body sent in chunks of 1,000 bytes."""
    host, _, port = tracen.otlp_http.removeprefix("http://").partition(":")
    head = f"POST /v1/traces HTTP/1.1\r\nhost: {host}\r\nx-tracen-key: {tracen.key}\r\n"
    head += f"content-type: {PROTOBUF}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())
        for at in range(0, len(body), 1000):
            piece = body[at : at + 1000]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        return connection.recv(1000)


# -- compressed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_limit_counts_what_comes_out(small: TracenProcess, name: str) -> None:
    """A body that is small on the wire and large behind it."""
    compress = gzip.compress if name == "gzip" else zstandard.ZstdCompressor().compress
    trace_id = fresh_id()
    assert over_http(small, compress(body_of(LIMIT, trace_id)), content_encoding=name).status == 200
    assert len(names(small, trace_id)) == 1
    refused = over_http(small, compress(body_of(LIMIT + 1, fresh_id())), content_encoding=name)
    assert refused.status == 413


def test_members_of_one_gzip_stream_are_read_together(small: TracenProcess) -> None:
    """RFC 1952 allows it; what follows and is no member does not belong there."""
    trace_id = fresh_id()
    body = body_of(1000, trace_id)
    members = gzip.compress(body[:400]) + gzip.compress(body[400:])
    assert over_http(small, members, content_encoding="gzip").status == 200
    assert len(names(small, trace_id)) == 1
    for damaged in (members + b"garbage", members[:-5], b"\x1f\x8b" + members[3:]):
        assert over_http(small, damaged, content_encoding="gzip").status == 400


def test_two_encodings_at_once_are_415(small: TracenProcess) -> None:
    """One compression is spoken at a time."""
    twice = gzip.compress(gzip.compress(body_of(1000, fresh_id())))
    assert over_http(small, twice, content_encoding="gzip, gzip").status == 415


def test_bomb_costs_no_memory(small: TracenProcess) -> None:
    """A gigabyte of zeros behind a megabyte, over both transports."""
    before = small.peak_kb
    assert over_http(small, bomb(), content_encoding="gzip").status == 413
    refused = over_grpc(small, bytes(256 << 20), compression=grpc.Compression.Gzip)
    assert refused.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.retry_after_s is None
    assert small.peak_kb - before < MEMORY_KB
