"""`/openapi.json` is OpenAPI 3.1, has every route of the API and no other, and its examples are accepted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from starlette.routing import Mount
from starlette.testclient import TestClient

from bridge.http_routes import otlp_routes
from bridge.quotas import Quotas
from bridge.receive import Receiver
from tracen_otel import payload
from tracen_otel.otlp import Signal
from viewer import problems
from viewer.app import create_app
from viewer.headers import SECURITY_HEADERS
from viewer.keys import Authenticator, create_key
from viewer.metrics import Metrics
from viewer.policy import Policy, PolicyRoute
from viewer.reference import examples
from viewer.reference.errors import refusals
from viewer.reference.openapi import document
from viewer.reference.operation import WITH_A_KEY
from viewer.reference.operations import operations
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.sqlite import SqliteStore

URL = "https://tracen.example"
NOW_NS = 1_800_000_042 * 10**9
SETTINGS = Settings(base_url=URL)
DOCUMENT = document(SETTINGS)

UNDESCRIBED = {
    "/": "for people",
    "/docs": "for people, and beside this document",
    "/openapi.json": "this document",
    "/robots.txt": "for crawlers",
    "/favicon.ico": "for browsers",
    "/static": "for browsers",
    "/metrics": "Prometheus’s own format",
    "/webhooks/stripe": "Stripe describes it",
    "/signup": "for people",
    "/login": "for people",
    "/login/link": "for people",
    "/logout": "for people",
    "/goodbye": "for people",
    "/compare/{a}/{b}": "for people",
    "/traces/{page_id}/rows": "for the script of the page",
    "/traces/{page_id}/steps/{number}": "for people",
    "/traces/{page_id}/events": "for the script of the page",
}
"""Routes that are left out, each with the reason; so is what asks for a session, and OTLP sent to a wrong path."""

SLIPS = {"/", *(f"/v1/{signal}/v1/{signal}" for signal in Signal)}
"""Where OTLP is understood that was sent to a wrong path."""


class Service:
    """The app over a real store, and a key."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "t.db")
        keys, requests = Authenticator(self.store, lambda: 0.0), Requests(Metrics(), lambda: 0)
        receiver = Receiver(self.store, keys, Quotas(self.store, 0, 0, lambda: 0.0), "", lambda: 0)
        otlp = otlp_routes(receiver, requests, 1)
        self.app = create_app(self.store, SETTINGS, keys, requests, more_routes=otlp, clock_ns=lambda: NOW_NS)
        self.key = asyncio.run(create_key(self.store, "ada@example.com", 0))
        self.client = TestClient(self.app, URL)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    with service.client:
        yield service
    asyncio.run(service.store.close())


def answers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every answer with where it stands."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                yield f"{method} {path} {status}", answer


def described() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}


def validator_of(name: str) -> jsonschema_rs.Draft202012Validator:
    """A schema of the document, with those that it refers to."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


def test_document_is_openapi() -> None:
    """By the schema that the OpenAPI initiative publishes for 3.1."""
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(json.loads(json.dumps(DOCUMENT)))] == []


def test_schemas_are_json_schema() -> None:
    """Each of them, and nothing refers to one that is not there."""
    for name in DOCUMENT["components"]["schemas"]:
        validator_of(name)
    parts = {
        f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named
    }
    assert set(references(DOCUMENT)) <= parts


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_document_is_served_as_it_is_made(service: Service) -> None:
    """With this server's own URL, readable from any origin, to whoever asks."""
    answer = service.client.get("/openapi.json")
    assert answer.json() == json.loads(json.dumps(DOCUMENT))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["servers"] == [{"url": URL}]


def test_page_for_people_is_served_too(service: Service) -> None:
    """To be asked for anew by whoever has logged in or out, and telling of a run that begins now."""
    answer = service.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert f"curl {URL}/api/traces" in answer.text
    assert f"{datetime.fromtimestamp(NOW_NS // 10**9, UTC):%Y-%m-%dT%H:%M}:00.000Z" in answer.text


def test_every_route_is_described_or_left_out_for_a_reason(service: Service) -> None:
    """And nothing is described that is not answered."""
    routes = set()
    for route in service.app.routes:
        if isinstance(route, Mount):
            routes.add(("GET", route.path))
        if isinstance(route, PolicyRoute) and route.policy is not Policy.SESSION:
            routes |= {(method, route.path) for method in route.methods or ["POST"] if method != "HEAD"}
    doubled = {(method, path) for method, path in routes if path in SLIPS}
    left_out = {(method, path) for method, path in routes if path in UNDESCRIBED}
    assert routes - left_out - doubled == described()
    assert not {path for _, path in described()} & UNDESCRIBED.keys()


def test_keys_are_asked_for_where_the_route_table_says_so(service: Service) -> None:
    """The policy of a route and the security of its operation are one."""
    with_key = {
        (method, route.path)
        for route in service.app.routes
        if isinstance(route, PolicyRoute) and route.policy is Policy.KEY and route.path not in SLIPS
        for method in set(route.methods or ["POST"]) - {"HEAD"}
    }
    assert {(o.method, o.path) for o in operations(SETTINGS) if o.tag == WITH_A_KEY} == with_key
    for method, path in described():
        operation = DOCUMENT["paths"][path][method.lower()]
        security = operation.get("security", [])
        assert (security == [{"TracenKey": []}, {"Bearer": []}]) == ((method, path) in with_key)
        is_data = path.endswith((".json", ".md"))
        assert (security == [{}, {"TracenKey": []}, {"Bearer": []}]) == is_data


def test_operations_have_names_of_their_own() -> None:
    """Links lead by them, and clients are made of them."""
    names = [operation.name for operation in operations(SETTINGS)]
    assert len(set(names)) == len(names)
    led_to = {link["operationId"] for _, answer in answers() for link in answer.get("links", {}).values()}
    assert led_to <= set(names)
    assert {"getTraceJson", "deleteTrace", "findTrace", "listTraces", "getOEmbed"} == led_to


def test_refusals_have_the_headers_that_help() -> None:
    """A 401 says what to authenticate with, what may succeed later says when."""
    for where, answer in answers():
        status = where.rpartition(" ")[2]
        needed = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}.get(status)
        assert needed is None or needed in answer["headers"], where


def test_every_refusal_says_what_to_do() -> None:
    """Of each status that the code has."""
    told = refusals(SETTINGS)
    assert told.keys() == problems.titles_by_status().keys() | {404, 410}
    assert all(refusal.advice and refusal.titles for refusal in told.values())
    assert "1,000,001 bytes" in refusals(replace(SETTINGS, max_body_bytes=1_000_001))[413].advice


@pytest.mark.parametrize("make", [examples.payload, examples.extended_payload])
def test_example_payload_is_accepted_and_valid(service: Service, make: Any) -> None:
    """By the API and by its schema; what comes back is as described, and so is its data."""
    sent = make()
    validator_of("Payload").validate(sent)
    answer = service.client.post("/api/traces", json=sent, headers={"x-tracen-key": service.key})
    assert answer.status_code == 200
    validator_of("Accepted").validate(answer.json())
    twin = service.client.get(f"{answer.json()['url']}.json").json()
    validator_of("Payload").validate(twin)
    assert twin["prompt"] == examples.PROMPT
    assert len(twin["steps"]) == len(sent["steps"])


def test_sums_of_absurd_counts_are_as_described(service: Service) -> None:
    """What is told in parts is added up, and what is masked is counted on top: the data could be sent again."""
    most, headers = 2**63 - 1, {"x-tracen-key": service.key}
    counts = {"input_tokens": most, "output_tokens": most, "masked": most}
    shared = examples.payload() | counts | {"otel_trace_id": examples.EXAMPLE_OTEL_TRACE}
    for number in ("1", "2"):
        step = {"id": number, "kind": "llm", "input": "my key is sk-proj-" + "a1B2" * 12} | counts
        sent = shared | {"steps": [shared["steps"][0] | step]}
        answer = service.client.post("/api/traces", json=sent, headers=headers)
        assert answer.status_code == 200, answer.text
    twin = service.client.get(f"{answer.json()['url']}.json").json()
    validator_of("Payload").validate(twin)
    assert twin["masked"] == twin["input_tokens"] == most
    assert len(twin["steps"]) == 2


def test_lists_are_as_described(service: Service) -> None:
    """Of traces and of requests, with everything in them that is answered."""
    headers = {"x-tracen-key": service.key}
    for sent in (examples.payload(), {"prompt": 1}):
        service.client.post("/api/traces", json=sent, headers=headers)
    for path, name, items, item in (
        ("/api/traces", "Traces", "traces", "TraceSummary"),
        ("/api/requests", "Requests", "requests", "Request"),
    ):
        answer = service.client.get(path, headers=headers).json()
        validator_of(name).validate(answer)
        properties = DOCUMENT["components"]["schemas"][item]["properties"]
        assert answer[items]
        assert all(told.keys() == properties.keys() for told in answer[items])


def test_example_refusal_is_what_is_answered(service: Service) -> None:
    """To a payload with those two faults, word for word."""
    wrong = examples.payload() | {"provider": "OpenAI"}
    del wrong["steps"][0]["latency_ms"]
    answer = service.client.post("/api/traces", json=wrong, headers={"x-tracen-key": service.key})
    assert answer.json() == examples.refused()
    validator_of("Problem").validate(answer.json())


def test_headers_that_are_answered_are_described(service: Service) -> None:
    """Whatever tells something of the answer, and not of the server."""
    key, sent = {"x-tracen-key": service.key}, examples.payload()
    page_id = service.client.post("/api/traces", json=sent, headers=key).json()["trace_id"]
    gone_id = service.client.post("/api/traces", json=sent, headers=key).json()["trace_id"]
    trace_id, page = {"page_id": page_id}, f"{URL}/traces/{page_id}"
    put = service.client.put(f"/api/traces/by-otel/{examples.EXAMPLE_OTEL_TRACE}", headers=key).json()
    waiting = {"page_id": put["trace_id"]}
    asked: list[tuple[str, str, dict[str, str], dict[str, Any]]] = [
        ("POST", "/api/traces", {}, {"json": sent, "headers": key}),
        ("POST", "/api/traces", {}, {"json": {}, "headers": key}),
        ("POST", "/api/traces", {}, {"content": b"{", "headers": key | {"content-type": "application/json"}}),
        ("POST", "/api/traces", {}, {"json": sent, "headers": key | {"content-encoding": "br"}}),
        ("POST", "/api/traces", {}, {"json": sent}),
        ("GET", "/api/traces", {}, {"headers": key}),
        ("GET", "/api/traces", {}, {"headers": key, "params": {"limit": "0"}}),
        ("DELETE", "/api/traces/{page_id}", {"page_id": gone_id}, {"headers": key}),
        ("PUT", "/api/traces/by-otel/{otel_trace_id}", {"otel_trace_id": "1" * 32}, {"headers": key}),
        ("GET", "/api/traces/by-otel/{otel_trace_id}", {"otel_trace_id": "2" * 32}, {"headers": key}),
        ("GET", "/api/requests", {}, {"headers": key}),
        ("POST", "/v1/traces", {}, {"json": {"resourceSpans": []}, "headers": key}),
        ("POST", "/v1/logs", {}, {"json": {"resourceLogs": []}}),
        ("POST", "/v1/metrics", {}, {"content": b"{}", "headers": key}),
        ("GET", "/oembed", {}, {"params": {"url": page}}),
        ("GET", "/oembed", {}, {"params": {"url": page, "format": "xml"}}),
        ("GET", "/traces/{page_id}.md", trace_id, {"params": {"max_chars": "1"}}),
        ("GET", "/healthz", {}, {}),
        ("GET", "/readyz", {}, {}),
    ]
    public = [
        path for method, path in described() if method == "GET" and path.startswith(("/traces", "/embed"))
    ]
    for path in public:
        for values in (trace_id, waiting, {"page_id": gone_id}, {"page_id": "nobody"}):
            asked.append(("GET", path, values, {"params": {"download": "1"}}))
        asked.append(("GET", path, trace_id, {"headers": {"if-none-match": "*"}}))
    statuses = set()
    for method, path, values, more in asked:
        answer = service.client.request(method, path.format(**values), **more)
        statuses.add(answer.status_code)
        told = DOCUMENT["paths"][path][method.lower()]["responses"][str(answer.status_code)]
        named = {name.lower() for name in told.get("headers", {})} | {"content-type", "content-length"}
        of_the_server = {*SECURITY_HEADERS, "strict-transport-security"}
        assert set(answer.headers) - of_the_server <= named, (method, path, answer.status_code)
    assert statuses == {200, 204, 304, 400, 401, 404, 410, 413, 415, 422, 501}


def test_example_answer_is_of_the_described_shape() -> None:
    """Its page id is one that the service could give."""
    validator_of("Accepted").validate(examples.accepted(URL))


def test_payload_marks_the_extension() -> None:
    """A strict client is made of the documented fields alone."""
    properties = DOCUMENT["components"]["schemas"]["Payload"]["properties"]
    documented = {name for name, told in properties.items() if not told.get("x-extension")}
    assert documented == set(payload.encode(payload.decode(examples.payload()), extended=False))
