"""What an operator and the owner of a key see of a running server: figures, requests, log lines, traces."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.processes import TracenProcess, running_tracen
from viewer.metrics import Metrics

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
FLOOD = 120
ESCAPES = "\r\nFAKE \x1b[31m\u202e"
PAYLOAD: dict[str, Any] = {
    "prompt": "SECRET",
    "response": "r",
    "provider": "openai",
    "model": "m",
    "status": "success",
    "steps": [],
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[TracenProcess]:
    """A server of its own: figures start at zero."""
    with running_tracen(tmp_path / "t.db", "--log-format", "json") as tracen:
        yield tracen


def request(
    tracen: TracenProcess, method: str, path: str, key: str | None = None, **more: Any
) -> httpx2.Response:
    headers = {"x-tracen-key": key or tracen.key} | more.pop("headers", {})
    return httpx2.request(method, tracen.http + path, headers=headers, trust_env=False, timeout=60, **more)


def export(tracen: TracenProcess, body: bytes, content_type: str = "application/json", **more: Any) -> int:
    headers = {"content-type": content_type, "user-agent": "u" * 300}
    return request(tracen, "POST", "/v1/traces", content=body, headers=headers, **more).status_code


def export_grpc(tracen: TracenProcess, body: bytes, key: str) -> grpc.StatusCode:
    with grpc.insecure_channel(tracen.otlp_grpc) as channel:
        try:
            channel.unary_unary(EXPORT)(body, timeout=60, metadata=(("x-tracen-key", key),))
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def figures(tracen: TracenProcess) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels, in order of their names."""
    answer = httpx2.get(f"{tracen.http}/metrics", trust_env=False, timeout=60)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def requests_of(tracen: TracenProcess, key: str | None = None) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = request(tracen, "GET", "/api/requests", key).json()["requests"]
    return told


def log_lines(tracen: TracenProcess) -> list[dict[str, Any]]:
    """Every line but those of the first start is one JSON object."""
    lines = tracen.db.with_suffix(".stderr").read_text(encoding="utf-8").splitlines()
    first = ("A local account", "Its traces in a browser")
    return [json.loads(line) for line in lines if not line.startswith(first)]


def send_one_of_each(tracen: TracenProcess) -> None:
    good = protobuf((fresh_id(), fresh_id(8), "a"))
    assert export_grpc(tracen, good, tracen.key) is grpc.StatusCode.OK
    assert export_grpc(tracen, b"garbage", tracen.key) is grpc.StatusCode.INVALID_ARGUMENT
    assert export_grpc(tracen, good, "no key") is grpc.StatusCode.UNAUTHENTICATED
    assert (
        export(tracen, json_body(json_span(fresh_id()), json_span("00" * 16, name="SECRET" + ESCAPES))) == 200
    )
    assert export(tracen, b"{SECRET") == 400
    assert export(tracen, good, "text/plain") == 415
    assert request(tracen, "POST", "/api/traces", json=PAYLOAD).status_code == 200
    assert request(tracen, "POST", "/api/traces", json=PAYLOAD | {"status": "SECRET"}).status_code == 422


def test_metrics_count_what_became_of_requests(served: TracenProcess) -> None:
    """By door, outcome and signal; spans and commits too."""
    send_one_of_each(served)
    counted = figures(served)
    for door, outcome in (
        ("otlp-grpc", "accepted"),
        ("otlp-grpc", "undecodable_body"),
        ("otlp-grpc", "unauthenticated"),
        ("otlp-http", "partial"),
        ("otlp-http", "undecodable_body"),
        ("otlp-http", "unsupported_media_type"),
        ("post", "accepted"),
        ("post", "invalid_payload"),
    ):
        assert counted["tracen_requests_total", (door, outcome, "traces")] == 1, (door, outcome)
    assert counted["tracen_accepted_spans_total", ()] == 2
    assert counted["tracen_rejected_spans_total", ()] == 1
    assert counted["tracen_requests_in_flight", ()] == 0
    assert counted["tracen_store_commit_seconds_count", ()] >= 3
    assert counted["tracen_store_queue_writes", ()] == 0
    assert counted["tracen_received_bytes_total", ()] > 0
    assert ("process_cpu_seconds_total", ()) in counted


def test_metrics_labels_are_closed_sets(served: TracenProcess) -> None:
    """Nothing that a sender writes makes a series: the second round of nonsense adds none."""
    send_one_of_each(served)
    before = figures(served).keys()
    for n in range(20):
        export(served, b"{", f"text/odd-{n}", key=f"odd-{n}")
        export(served, b"{", f"text/odd-{n}")
        request(served, "PATCH", f"/v1/traces?odd={n}", headers={"user-agent": f"odd-{n}"})
    added = {labels for name, labels in figures(served).keys() - before if name == "tracen_requests_total"}
    assert added == {("otlp-http", what, "traces") for what in ("method_not_allowed", "unauthenticated")}


def test_requests_of_a_key_are_told_to_it_alone(served: TracenProcess) -> None:
    """Newest first, refused ones with the reason, the page's URL where there is one; bounded."""
    other = served.create_key("eve@example.com")
    send_one_of_each(served)
    told = requests_of(served)
    assert [(one["door"], one["status"], one["outcome"]) for one in reversed(told)] == [
        ("otlp-grpc", "OK", "accepted"),
        ("otlp-grpc", "INVALID_ARGUMENT", "undecodable_body"),
        ("otlp-http", "200", "partial"),
        ("otlp-http", "400", "undecodable_body"),
        ("otlp-http", "415", "unsupported_media_type"),
        ("post", "200", "accepted"),
        ("post", "422", "invalid_payload"),
    ]
    posted, partial = told[1], told[4]
    assert httpx2.get(posted["url"], trust_env=False, timeout=60).status_code == 200
    assert "FAKE" in partial["message"]
    assert (partial["spans"], partial["rejected_spans"], partial["traces"]) == (1, 1, 1)
    assert partial["user_agent"] == "u" * 100
    assert requests_of(served, other) == []
    assert request(served, "GET", "/api/requests", "no key").status_code == 401
    for _ in range(60):
        export(served, b"{")
    assert len(requests_of(served)) == 50


def test_log_tells_refusals_without_what_was_sent(served: TracenProcess) -> None:
    """One JSON object a line; no body, no span name, no key; a flood is a few lines."""
    began = time.monotonic()
    send_one_of_each(served)
    for _ in range(FLOOD):
        export(served, b"{SECRET")
    host, port = served.http.removeprefix("http://").rsplit(":", 1)
    for _ in range(FLOOD):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert b"400" in connection.recv(1000)
    seconds = time.monotonic() - began
    lines = log_lines(served)
    told = json.dumps(lines, ensure_ascii=False)
    for absent in ("SECRET", "FAKE", served.key, "\x1b", "\u202e"):
        assert absent not in told
    refused = {line["outcome"] for line in lines if line["logger"] == "tracen.requests"}
    assert {"partial", "undecodable_body", "unauthenticated", "invalid_payload"} <= refused
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    said = Counter(line.get("outcome", line["logger"]) for line in lines)
    assert 1 <= said["undecodable_body"] <= 1 + seconds
    assert 1 <= said["uvicorn.error"] <= 1 + seconds / 10


def test_list_of_traces_goes_on_by_its_cursor(served: TracenProcess) -> None:
    """Every trace of a request of many once, newest request first; those of others are not there."""
    other = served.create_key("eve@example.com")
    for name in ("first", "second"):
        assert (
            export(served, json_body(*(json_span(fresh_id(), name=f"{name} {n}") for n in range(7)))) == 200
        )
    seen, cursor = [], ""
    for _ in range(10):
        page = request(served, "GET", f"/api/traces?limit=4&cursor={cursor}").json()
        assert len(page["traces"]) <= 4
        seen += page["traces"]
        cursor = page["next"]
        if cursor is None:
            break
    titles = [trace["title"] for trace in seen]
    assert sorted(titles[:7]) == [f"second {n}" for n in range(7)]
    assert sorted(titles[7:]) == [f"first {n}" for n in range(7)]
    assert request(served, "GET", "/api/traces", other).json() == {"traces": [], "next": None}
    for wrong in (
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=",
        "cursor=x",
        "cursor=1-x",
        "cursor=1800000000-2",
    ):
        assert request(served, "GET", f"/api/traces?{wrong}").status_code == 422, wrong


def test_deleted_trace_is_gone_everywhere(served: TracenProcess) -> None:
    """204, then 410; nobody else can, and it leaves the list."""
    other = served.create_key("eve@example.com")
    otel_trace_id = fresh_id()
    export(served, json_body(json_span(otel_trace_id)))
    by_otel = f"/api/traces/by-otel/{otel_trace_id.hex()}"
    page_id = request(served, "GET", by_otel).json()["trace_id"]
    assert request(served, "DELETE", f"/api/traces/{page_id}", other).status_code == 404
    assert request(served, "GET", f"/traces/{page_id}").status_code == 200
    assert request(served, "DELETE", f"/api/traces/{page_id}").status_code == 204
    for path in (f"/traces/{page_id}", f"/traces/{page_id}.json", by_otel):
        assert request(served, "GET", path).status_code == 410, path
    assert request(served, "GET", "/api/traces").json()["traces"] == []
    assert request(served, "DELETE", "/api/traces/unknown").status_code == 404


def test_what_only_grows_is_a_counter() -> None:
    """Also where it is counted elsewhere; a rate is taken of it then."""
    metrics = Metrics()
    metrics.watch_count("tracen_forward_posts", "Posts.", lambda: 7)
    assert (
        "# TYPE tracen_forward_posts_total counter\ntracen_forward_posts_total 7.0" in metrics.text().decode()
    )
