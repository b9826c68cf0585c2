"""Secrets through every door of a real server: none is left in what is kept of posts, in a log, on a page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zstandard
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench.load import EXPORT
from tests.bridge.conformance.clients import JSON, over_grpc, over_http
from tests.bridge.otlp_bodies import fresh_id
from tests.processes import TracenProcess, running_tracen
from tests.tracen_otel.made_secrets import texts_with_secrets
from tests.tracen_otel.sdk_resources import CANARY, PRIVATE_BY_SDK, TOLD
from tracen_otel.assemble import outline
from tracen_otel.otlp import Encoding, decode_spans
from tracen_otel.payload import dumps
from tracen_otel.spans_form import encode_spans
from viewer.forms.otlp_steps import attributes

TEXTS = texts_with_secrets()
FORMS = (
    *("", ".json", ".md?max_chars=1000000", ".otlp.json", ".perfetto.json", "?all=1", "?text=markdown"),
    *("/steps/1", "/steps/7", "/rows?from=1", "?step=3", "?q=kind:llm"),
)


@pytest.fixture(scope="module")
def redacting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server as it is by default, with everything logged."""
    db = tmp_path_factory.mktemp("redaction") / "tracen.db"
    with running_tracen(db, "--requests-per-hour", "100000", "--log-level", "debug") as process:
        yield process


def _spans(trace_id: bytes) -> dict[str, Any]:
    """A trace with a span for each kind of secret, which stands in every field that holds text."""
    spans = [
        {
            "traceId": trace_id.hex(),
            "spanId": f"{number:016x}",
            "name": f"chat {text}",
            "startTimeUnixNano": str(1795506246548000000 + number),
            "endTimeUnixNano": str(1795506246549000000 + number),
            "attributes": attributes(_attributes(text)),
            "events": [{"name": text, "attributes": attributes({"exception.message": text})}],
            "status": {"code": 2, "message": text},
        }
        for number, (text, _) in enumerate(TEXTS.values(), 1)
    ]
    resource = {"attributes": attributes({"service.name": "agent", "service.namespace": _all_texts()})}
    scope = {"name": f"scope {TEXTS['API key'][0]}"}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _attributes(text: str) -> dict[str, Any]:
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(messages),
        "output.value": text,
        "list": [text, {"inner": text}],
        "bytes": text.encode(),
        "http.request.header.x-api-key": ["canary-4711"],
        f"key {text}": 1,
    }


def _logs(trace_id: bytes) -> dict[str, Any]:
    record = {
        "traceId": trace_id.hex(),
        "spanId": f"{1:016x}",
        "eventName": "e",
        "body": {"stringValue": _all_texts()},
    }
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def _all_texts() -> str:
    return "\n".join(text for text, _ in TEXTS.values())


def _payload() -> dict[str, Any]:
    step = {"name": "chat", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 12, "kind": "llm"}
    steps = [
        step | {"id": f"{n}", "input": text, "attributes": _posted(text)}
        for n, (text, _) in enumerate(TEXTS.values())
    ]
    return {
        "prompt": _all_texts(),
        "response": _all_texts(),
        "title": TEXTS["API key"][0],
        "model": "m",
        "provider": "custom",
        "status": "error",
        "error_message": _all_texts(),
        "steps": steps,
    }


def _posted(text: str) -> dict[str, Any]:
    return {**_attributes(text), "bytes": ""}


def _sent_over(door: str, tracen: TracenProcess) -> str:
    """Send a trace with secrets; return the URL of its page."""
    if door == "post":
        headers = {"x-tracen-key": tracen.key}
        answer = httpx2.post(f"{tracen.http}/api/traces", json=_payload(), headers=headers, trust_env=False)
        return str(answer.raise_for_status().json()["url"])
    trace_id = fresh_id()
    spans, logs = _spans(trace_id), _logs(trace_id)
    if door == "otlp-http-json":
        assert over_http(tracen, json.dumps(spans).encode(), JSON).status == 200
        assert over_http(tracen, json.dumps(logs).encode(), JSON, "/v1/logs").status == 200
    else:
        _send_protobuf(tracen, door, trace_id, spans, logs)
    by_otel = f"{tracen.http}/api/traces/by-otel/{trace_id.hex()}"
    answer = httpx2.get(by_otel, headers={"x-tracen-key": tracen.key}, trust_env=False)
    return str(answer.raise_for_status().json()["url"])


def _send_protobuf(
    tracen: TracenProcess, door: str, trace_id: bytes, spans: dict[str, Any], logs: dict[str, Any]
) -> None:
    request = ParseDict(spans, ExportTraceServiceRequest())
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id, span.span_id = trace_id, bytes.fromhex(f"{span.start_time_unix_nano % 1000:016x}")
    body = request.SerializeToString()
    if door == "otlp-grpc":
        over_grpc(tracen, body, EXPORT)
    else:
        assert over_http(tracen, body).status == 200


@pytest.mark.parametrize("door", ["post", "otlp-http-json", "otlp-http-protobuf", "otlp-grpc"])
def test_no_form_of_a_page_has_a_secret(redacting: TracenProcess, door: str) -> None:
    """Whichever door a secret came through, no form of its page, no list and no file but a raw OTLP body holds it."""
    url = _sent_over(door, redacting)
    page_id = url.rpartition("/")[2]
    with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": redacting.key}) as client:
        for address in (
            *(url + form for form in FORMS),
            *(f"{redacting.http}/embed/{page_id}", f"{redacting.http}/oembed?url={url}"),
            *(f"{redacting.http}/compare/{page_id}/{page_id}", f"{redacting.http}/api/traces"),
            f"{redacting.http}/api/requests",
        ):
            answer = client.get(address).raise_for_status()
            assert _secrets_in(answer.text) == [], address
        told = client.get(f"{url}.json").json()
        page = client.get(url).text
        assert client.get(f"{url}/og.png").raise_for_status()

    assert told["masked"] >= sum(step["masked"] for step in told["steps"]) > 5 * len(TEXTS)
    assert f"{told['masked']:,} secrets were masked before this page was made." in page
    assert "[masked: OpenAI key]" in page
    assert [kept for kept in _kept_in(redacting.db) if _secrets_in(kept)] == []


def test_what_is_posted_is_kept_masked(tmp_path: Path) -> None:
    """No file of a store that was posted to holds a secret, nor does its log, also after it has ended."""
    db = tmp_path / "tracen.db"
    with running_tracen(db, "--log-level", "debug") as tracen:
        _sent_over("post", tracen)
        headers = {"x-tracen-key": tracen.key, "content-type": "application/json"}
        refused = httpx2.post(
            f"{tracen.http}/api/traces",
            content=json.dumps(_payload() | {"status": TEXTS["JWT"][0]}),
            headers=headers,
        )
        assert refused.status_code == 422

    assert any("[masked: OpenAI key]" in kept for kept in _kept_of_posts(db))
    for file in db.parent.iterdir():
        assert _secrets_in(file.read_bytes().decode("latin-1").replace(tracen.key, "")) == [], file.name
        if file.name in (db.name, f"{db.name}-bodies"):
            assert [kept for kept in _kept_in(file) if _secrets_in(kept)] == [], file.name


def test_a_post_without_secrets_is_kept_as_it_came(tmp_path: Path) -> None:
    """What holds no secret is not written anew: spaces, order and numbers stay."""
    body = '{"prompt" : "hi",\n "response":"", "provider":"custom","model":"m","status":"success", "steps":[], "x":1.5}'
    db = tmp_path / "tracen.db"
    with running_tracen(db) as tracen:
        headers = {"x-tracen-key": tracen.key, "content-type": "application/json"}
        httpx2.post(
            f"{tracen.http}/api/traces", content=body, headers=headers, trust_env=False
        ).raise_for_status()

    assert body in list(_kept_of_posts(db))


def test_masking_can_be_switched_off_and_on_again(tmp_path: Path) -> None:
    """An operator can have everything shown; what was kept then is masked as soon as it is switched on again."""
    db, text = tmp_path / "tracen.db", TEXTS["GitHub token"][0]
    payload = _payload() | {"prompt": text}
    with running_tracen(db, "--no-redact") as tracen:
        headers = {"x-tracen-key": tracen.key}
        answer = httpx2.post(f"{tracen.http}/api/traces", json=payload, headers=headers, trust_env=False)
        path = httpx2.URL(answer.json()["url"]).path
        shown = httpx2.get(f"{tracen.http}{path}.json", trust_env=False).json()
    with running_tracen(db) as tracen:
        masked = httpx2.get(f"{tracen.http}{path}.json", trust_env=False)

    assert (shown["prompt"], "masked" in shown) == (text, False)
    assert masked.json()["prompt"] == "Use [masked: GitHub token] for it."
    assert _secrets_in(masked.text) == []


@pytest.mark.parametrize("door", ["otlp-http-json", "otlp-http-protobuf", "otlp-grpc", "post"])
def test_no_form_of_a_page_tells_of_the_machine(redacting: TracenProcess, door: str) -> None:
    """What SDKs' detectors add to a resource is in no form and no list; what an operator names is told."""
    private = {key: value for told in PRIVATE_BY_SDK.values() for key, value in told.items()}
    page_id = (url := _sent(redacting, door, {**TOLD, **private})).rpartition("/")[2]
    with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": redacting.key}) as client:
        for address in (
            *(url + form for form in (*FORMS[:7], "/steps/1", "/rows?from=1", f"?q={CANARY}/node")),
            *(f"{redacting.http}/embed/{page_id}", f"{redacting.http}/oembed?url={url}"),
            f"{redacting.http}/api/traces",
        ):
            answer = client.get(address).raise_for_status()
            assert CANARY not in answer.text.replace(f"{CANARY}/node", "").replace(f"{CANARY}%2Fnode", ""), (
                address
            )
        told = client.get(f"{url}.json").json()
        otlp = client.get(f"{url}.otlp.json").text

    assert (told["service_name"], told.get("masked", 0)) == (TOLD["service.name"], 0)
    assert "k8s.pod.name" in otlp or door == "post"


def _sent(tracen: TracenProcess, door: str, resource: dict[str, Any]) -> str:
    """Send a span with a resource; return the URL of its page."""
    trace_id = fresh_id()
    span = {
        "traceId": trace_id.hex(),
        "spanId": f"{1:016x}",
        "name": "chat",
        "startTimeUnixNano": "1795506246548000001",
        "endTimeUnixNano": "1795506246549000000",
        "attributes": attributes({"gen_ai.operation.name": "chat"}),
    }
    around = {"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"spans": [span]}]}
    request = {"resourceSpans": [around]}
    if door == "post":
        told = decode_spans(json.dumps(request).encode(), Encoding.JSON)
        body = dumps(encode_spans(outline(told)))
        headers = {"x-tracen-key": tracen.key, "content-type": "application/json"}
        answer = httpx2.post(f"{tracen.http}/api/traces", content=body, headers=headers, trust_env=False)
        return str(answer.raise_for_status().json()["url"])
    if door == "otlp-http-json":
        assert over_http(tracen, json.dumps(request).encode(), JSON).status == 200
    else:
        _send_protobuf(tracen, door, trace_id, request, {})
    by_otel = f"{tracen.http}/api/traces/by-otel/{trace_id.hex()}"
    answer = httpx2.get(by_otel, headers={"x-tracen-key": tracen.key}, trust_env=False)
    return str(answer.raise_for_status().json()["url"])


def _secrets_in(text: str) -> list[str]:
    """The kinds of secrets of which a part that nothing else holds is in the text."""
    bodies = {
        kind: secret.split("\n")[1] if "\n" in secret else secret[-12:] for kind, (_, secret) in TEXTS.items()
    }
    return [kind for kind, body in bodies.items() if body in text]


def _kept_of_posts(db: Path) -> Iterator[str]:
    yield from _kept_in(db)
    yield from _kept_in(Path(f"{db}-bodies"))


def _kept_in(db: Path) -> Iterator[str]:
    """Every value of every table, unpacked."""
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - our own tables
                for value in row:
                    if isinstance(value, bytes):
                        value = _unpacked(value).decode("utf-8", "replace")
                    yield str(value)
    connection.close()


def _unpacked(value: bytes) -> bytes:
    is_packed = value.startswith(b"\x28\xb5\x2f\xfd")
    return zstandard.ZstdDecompressor().decompress(value, max_output_size=1 << 30) if is_packed else value
