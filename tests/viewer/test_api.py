"""`POST /api/traces` and the pages, over the ASGI app with a real store."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import html
import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS
from viewer import finding, traces
from viewer.app import create_app
from viewer.headers import SECURITY_HEADERS
from viewer.keys import Authenticator, create_key
from viewer.limits import Limiter, plans_of
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.sqlite import SqliteStore

NS_PER_S = 1_000_000_000
BASE_URL = "https://tracen.example"
STEP = {"name": "plan", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 12}
PAYLOAD: dict[str, Any] = {
    "prompt": "What is the weather?",
    "response": "Sunny.",
    "provider": "openai",
    "model": "gpt-5",
    "steps": [STEP],
    "status": "success",
}


@dataclass
class Clock:
    """Time stands still until a test moves it."""

    now_ns: int = 1_800_000_000 * NS_PER_S


@dataclass
class Service:
    """The app under test, its clock and two keys of two accounts."""

    client: TestClient
    key: str
    other_key: str
    clock: Clock

    def post(self, payload: Any = PAYLOAD, key: str | None = None, **headers: str) -> httpx2.Response:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent = {"content-type": "application/json", "x-tracen-key": key or self.key} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.client.post("/api/traces", content=content, headers=sent)

    def page(self, answer: httpx2.Response, form: str = "") -> httpx2.Response:
        assert answer.status_code == 200, answer.text
        return self.client.get(answer.json()["url"].removeprefix(BASE_URL) + form)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = SqliteStore(tmp_path / "store.db")

    async def two_keys() -> tuple[str, str]:
        return await create_key(store, "ada@example.com", 0), await create_key(store, "eve@example.com", 0)

    key, other_key = asyncio.run(two_keys())
    settings = Settings(base_url=BASE_URL, max_body_bytes=100_000)
    clock = Clock()
    requests = Requests(Metrics(), lambda: clock.now_ns)
    app = create_app(
        store,
        settings,
        Authenticator(store, lambda: 0.0),
        requests,
        clock_ns=lambda: clock.now_ns,
        limiter=Limiter(store, plans_of("", 100), lambda: clock.now_ns),
    )
    with TestClient(app, BASE_URL, raise_server_exceptions=False) as client:
        yield Service(client, key, other_key, clock)
    asyncio.run(store.close())


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


# -- accepted ------------------------------------------------------------------------------------------


def test_post_answers_a_uuid_and_an_absolute_url(service: Service) -> None:
    """The URL comes from the settings, whatever the Host header says."""
    answer = service.post(host="evil.example")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"trace_id", "url"}
    assert body["url"] == f"{BASE_URL}/traces/{uuid.UUID(body['trace_id'])}"


def test_post_is_shown_on_its_page_and_in_its_json(service: Service) -> None:
    """What was posted is what is shown."""
    answer = service.post()
    page = service.page(answer)
    assert page.status_code == 200
    assert all(text in page.text for text in ("What is the weather?", "Sunny.", "plan", "gpt-5"))
    twin = service.page(answer, ".json").json()
    assert {name: twin[name] for name in PAYLOAD if name != "steps"} == {
        name: value for name, value in PAYLOAD.items() if name != "steps"
    }
    assert twin["steps"][0]["timestamp"] == "2026-11-24T09:00:00.000Z"


@pytest.mark.parametrize(
    "change",
    [
        {"response": ""},
        {"input_tokens": 3, "output_tokens": None, "total_latency_ms": 1200},
        {"status": "error", "error_message": "boom"},
        {"status": "error", "error_message": None},
        {"steps": []},
        {"some_field_of_tomorrow": {"deep": [1, 2]}},
        {"prompt": "NUL \x00, \u202e, emoji 🌦️, <script>alert(1)</script>"},
        {"total_latency_ms": -5, "steps": [STEP | {"latency_ms": -1}]},
        {"steps": [STEP | {"timestamp": "2026-11-24T09:00:00.123456789+02:00", "extra": 1}]},
    ],
)
def test_post_accepts_what_the_contract_allows(service: Service, change: dict[str, Any]) -> None:
    """Optional fields, nulls, empty strings, unknown fields, any text; and the page can be opened."""
    answer = service.post(PAYLOAD | change)
    assert service.page(answer).status_code == 200
    assert service.page(answer, ".json").status_code == 200


def test_post_accepts_the_key_as_bearer_and_gzip(service: Service) -> None:
    """Both headers carry the key; a body may be compressed."""
    headers = {
        "authorization": f"Bearer {service.key}",
        "content-type": "application/json; charset=utf-8",
        "content-encoding": "gzip",
    }
    answer = service.client.post(
        "/api/traces", content=gzip.compress(json.dumps(PAYLOAD).encode()), headers=headers
    )
    assert answer.status_code == 200


def test_post_replays_an_idempotency_key_quoted_or_bare(service: Service) -> None:
    """The same key and body is the same page; another body is refused and changes nothing."""
    first = service.post(idempotency_key="abc")
    again = service.post(idempotency_key='"abc"')
    assert again.json() == first.json()
    assert again.headers["ratelimit"] == '"hour";r=99;t=3600'
    problem(service.post(PAYLOAD | {"prompt": "other"}, idempotency_key="abc"), 422)
    assert "What is the weather?" in service.page(first).text
    problem(service.post(idempotency_key="x" * 256), 422)


def test_posts_of_one_otel_trace_share_a_page(service: Service) -> None:
    """The OTel trace id in the extension decides; another account has its own page."""
    trace = {"otel_trace_id": "0af7651916cd43dd8448eb211c80319c"}
    first, second = service.post(PAYLOAD | trace), service.post(PAYLOAD | trace | {"response": "Rain."})
    assert first.json() == second.json()
    assert "Rain." in service.page(second).text
    others = service.post(PAYLOAD | trace, service.other_key)
    assert others.json() != first.json()


def test_post_beside_spans_hides_none_of_them(service: Service) -> None:
    """Steps without ids are shown beside those with ids, whichever came first."""
    trace = {"otel_trace_id": "0af7651916cd43dd8448eb211c80319c"}
    with_ids = PAYLOAD | trace | {"steps": [STEP | {"id": "a", "name": "with id"}]}
    without = PAYLOAD | trace | {"steps": [STEP | {"name": "without id"}]}
    for posts in ((with_ids, without), (without, with_ids, without)):
        for posted in posts:
            answer = service.post(posted)
        steps = service.page(answer, ".json").json()["steps"]
        assert sorted(step["name"] for step in steps) == ["with id", "without id"]


@pytest.mark.parametrize(
    "time",
    [
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
    ],
)
def test_post_of_a_time_beyond_otlp_is_shown_as_unknown(service: Service, time: str) -> None:
    """Accepted is shown: page and JSON open, whatever the time."""
    answer = service.post(PAYLOAD | {"steps": [STEP | {"timestamp": time}]})
    assert service.page(answer).status_code == 200
    assert service.page(answer, ".json").json()["steps"][0]["start_time_unix_nano"] == "0"


def test_post_with_a_million_wrong_steps_is_refused_in_short(service: Service) -> None:
    """A small compressed body does not make a huge answer: the first thousand errors are named."""
    answer = service.post(gzip.compress(b'{"steps":[' + b"0," * 40_000 + b"0]}"), content_encoding="gzip")
    body = problem(answer, 422)
    assert len(body["errors"]) == 1000
    assert "and more" in body["detail"]


# -- refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", "nonsense", "tracen_sk_" + "a" * 36, "tracen_sk_heemjbBSmHb2uDdY0Cu8dd6lwEnKSn1iTwIc", "ü"]
)
def test_post_without_a_valid_key_is_401(service: Service, key: str) -> None:
    """Missing, malformed, of a wrong checksum, well-formed but unknown."""
    headers = {b"content-type": b"application/json"} | ({b"x-tracen-key": key.encode()} if key else {})
    answer = service.client.post("/api/traces", content=b"{}", headers=headers)
    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"prompt": NaN}',
        b'{"prompt": Infinity}',
        b'{"prompt": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b'{"prompt": ' + b"9" * 5000 + b"}",
    ],
)
def test_post_that_is_not_json_is_400(service: Service, body: bytes) -> None:
    """Not JSON, not UTF-8, not Unicode, too deep, numbers too long."""
    problem(service.post(body), 400)


def test_post_names_every_wrong_field_at_once(service: Service) -> None:
    """One round trip is enough to repair a payload."""
    wrong = {
        "prompt": 1,
        "provider": "OpenAI",
        "model": None,
        "status": "ok",
        "input_tokens": "12",
        "output_tokens": 1.5,
        "total_latency_ms": True,
        "error_message": [],
        "steps": [STEP, {"name": None, "timestamp": "yesterday", "latency_ms": "5"}, 7],
    }
    errors = {e["field"]: e["message"] for e in problem(service.post(wrong), 422)["errors"]}
    assert set(errors) == {
        *("prompt", "response", "provider", "model", "status", "input_tokens", "output_tokens"),
        *("total_latency_ms", "error_message", "steps[2]"),
        *("steps[1].name", "steps[1].timestamp", "steps[1].latency_ms"),
    }
    assert errors["response"] == "is required"
    for provider in ("openai", "anthropic", "mistral", "gemini", "custom"):
        assert provider in errors["provider"]


@pytest.mark.parametrize("root", [[], "text", 3, None, [PAYLOAD]])
def test_post_that_is_no_object_is_422(service: Service, root: Any) -> None:
    """A payload is an object."""
    assert problem(service.post(root), 422)["errors"]


@pytest.mark.parametrize(
    ("fields", "prefix"), [(TRACE_FIELDS, ""), (STEP_FIELDS, "steps[0].")], ids=["trace", "step"]
)
def test_post_checks_the_type_of_every_field(service: Service, fields: Any, prefix: str) -> None:
    """No field, documented or extension, takes a value of a type that it can not mean."""
    nonsense = {field.name: 1.5 for field in fields}
    payload = PAYLOAD | ({"steps": [nonsense]} if prefix else nonsense)
    named = {error["field"] for error in problem(service.post(payload), 422)["errors"]}
    assert named == {prefix + field.name for field in fields}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "", "application/x-protobuf"]
)
def test_post_of_another_content_type_is_415(service: Service, content_type: str) -> None:
    """Only JSON is read here."""
    problem(service.post(content_type=content_type), 415)


def test_post_of_an_unknown_content_encoding_is_415(service: Service) -> None:
    """The answer names what is accepted."""
    for encoding in ("br", "gzip, gzip", "snappy"):
        answer = service.post(content_encoding=encoding)
        problem(answer, 415)
        assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(json.dumps(PAYLOAD).encode())[:-9],
        gzip.compress(json.dumps(PAYLOAD).encode()) + b"garbage",
        b"\x1f\x8b\x08\xff" + b"\x00" * 30,
        b"not gzip at all",
        b"",
    ],
)
def test_post_of_a_damaged_gzip_stream_is_400(service: Service, body: bytes) -> None:
    """Cut short, followed by garbage, a wrong flag, no gzip."""
    problem(service.post(body, content_encoding="gzip"), 400)


def test_post_of_several_gzip_members_is_one_body(service: Service) -> None:
    """RFC 1952 allows members in a row."""
    content = json.dumps(PAYLOAD).encode()
    assert service.post(
        gzip.compress(content[:50]) + gzip.compress(content[50:]), content_encoding="gzip"
    ).is_success


def test_post_over_the_limit_is_413_before_and_after_decompression(service: Service) -> None:
    """Exactly the limit is accepted, one byte more is not, a bomb is stopped at the limit."""
    frame = json.dumps(PAYLOAD | {"prompt": ""}).encode()
    full = json.dumps(PAYLOAD | {"prompt": "x" * (100_000 - len(frame))}).encode()
    assert len(full) == 100_000
    assert service.post(full).status_code == 200
    problem(service.post(full + b" "), 413)
    assert service.post(gzip.compress(full), content_encoding="gzip").status_code == 200
    problem(service.post(gzip.compress(full + b" "), content_encoding="gzip"), 413)
    problem(service.post(gzip.compress(b"\0" * 50_000_000), content_encoding="gzip"), 413)


def test_post_101st_in_an_hour_is_429_until_told(service: Service) -> None:
    """The answer says how long; waiting exactly so long succeeds; refused requests do not count."""
    remaining = [service.post().headers["ratelimit"] for _ in range(100)]
    assert remaining[0] == '"hour";r=99;t=3600'
    assert remaining[-1] == '"hour";r=0;t=3600'
    refused = service.post()
    problem(refused, 429)
    assert refused.headers["retry-after"] == "3600"
    assert refused.headers["ratelimit-policy"] == '"hour";q=100;w=3600'
    assert service.post(key=service.other_key).status_code == 200
    service.clock.now_ns += 3600 * NS_PER_S - 1
    problem(service.post(), 429)
    service.clock.now_ns += 1
    assert service.post().status_code == 200


def test_post_that_is_refused_does_not_count_and_keeps_nothing(service: Service) -> None:
    """Wrong payloads leave the limit and the store as they were."""
    for body in (b"{", b"{}", json.dumps(PAYLOAD | {"provider": "x"}).encode()):
        assert service.post(body).headers["ratelimit"].startswith('"hour";r=100')
    assert service.post().headers["ratelimit"].startswith('"hour";r=99')


# -- pages and look-ups --------------------------------------------------------------------------------


def test_by_otel_finds_the_page_of_its_own_account_alone(service: Service) -> None:
    """Upper-case hex is the same id; other accounts and malformed ids get a 404."""
    otel_trace_id = "0af7651916cd43dd8448eb211c80319c"
    posted = service.post(PAYLOAD | {"otel_trace_id": otel_trace_id}).json()
    path = "/api/traces/by-otel/"
    get = service.client.get
    assert get(path + otel_trace_id, headers={"x-tracen-key": service.key}).json() == posted
    assert get(path + otel_trace_id.upper(), headers={"x-tracen-key": service.key}).json() == posted
    problem(get(path + otel_trace_id, headers={"x-tracen-key": service.other_key}), 404)
    problem(get(path + otel_trace_id), 401)
    for malformed in ("0" * 32, "xyz", "0af7", posted["trace_id"]):
        problem(get(path + malformed, headers={"x-tracen-key": service.key}), 404)


def test_by_otel_says_where_to_look_for_a_trace_that_has_not_come(service: Service) -> None:
    """It is the last line of a program whose spans were refused."""
    answer = service.client.get(f"/api/traces/by-otel/{'ab' * 16}", headers={"x-tracen-key": service.key})
    detail = answer.json()["detail"]
    for place in ("Collector", "SDK", "tracen doctor", "GET /api/requests"):
        assert place in detail


@pytest.mark.parametrize(
    "page_id", ["6c1dc117-4987-4f8e-ab27-8c4254502db9", "x", "..%2f..%2fetc", "%00", "a" * 10_000, "'--"]
)
def test_unknown_page_is_404_of_one_shape(service: Service, page_id: str) -> None:
    """Guessing learns nothing: the same words for every id that is not there."""
    answer = service.client.get(f"/traces/{page_id}")
    assert answer.status_code == 404
    assert "no page at this address" in answer.text
    assert service.client.get(f"/traces/{page_id}.json").status_code == 404


def test_page_is_revalidated_by_its_etag(service: Service) -> None:
    """Caches ask each time and are told 304 until something new has arrived."""
    trace = {"otel_trace_id": "0af7651916cd43dd8448eb211c80319c"}
    answer = service.post(PAYLOAD | trace)
    for form in ("", ".json"):
        page = service.page(answer, form)
        assert page.headers["cache-control"] == "no-cache"
        path = f"/traces/{answer.json()['trace_id']}{form}"
        match = {"if-none-match": page.headers["etag"]}
        assert service.client.get(path, headers=match).status_code == 304
    service.post(PAYLOAD | trace | {"response": "Rain."})
    assert service.client.get(path, headers=match).status_code == 200


def test_page_is_known_by_a_weakened_etag(service: Service) -> None:
    """Proxies that compress weaken the ETag; it still says what they have."""
    answer = service.post()
    path = f"/traces/{answer.json()['trace_id']}"
    etag = service.client.get(path).headers["etag"]
    for known in (f"W/{etag}", f'"other", {etag}', "*"):
        assert service.client.get(path, headers={"if-none-match": known}).status_code == 304


@pytest.mark.parametrize(
    "accept", ["application/json; q=1", "text/plain, application/json", "application/json"]
)
def test_page_is_json_by_any_spelling(service: Service, accept: str) -> None:
    """Parameters and other types beside it change nothing; a browser, which names HTML, gets HTML."""
    path = f"/traces/{service.post().json()['trace_id']}"
    assert service.client.get(path, headers={"accept": accept}).headers["content-type"] == "application/json"
    browser = "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
    assert (
        service.client.get(path, headers={"accept": browser}).headers["content-type"].startswith("text/html")
    )


def test_page_is_json_where_a_program_asks_for_it(service: Service) -> None:
    """`Accept: application/json` and the suffix `.json` answer the same."""
    answer = service.post()
    path = f"/traces/{answer.json()['trace_id']}"
    negotiated = service.client.get(path, headers={"accept": "application/json"})
    assert negotiated.json() == service.page(answer, ".json").json()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/robots.txt", 200),
        ("/nope", 404),
        ("/static/nope", 404),
    ],
)
def test_every_answer_carries_the_security_headers(service: Service, path: str, status: int) -> None:
    """Pages, errors and API answers alike; no inline script or style is ever allowed."""
    answer = service.client.get(path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe-inline" not in answer.headers["content-security-policy"]


def test_static_files_are_addressed_by_content(service: Service) -> None:
    """What a page links to is there, and may be cached for ever."""
    links = re.findall(r'href="(/static/[^"]+)"', service.client.get("/").text)
    assert links
    for link in links:
        answer = service.client.get(link)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_wrong_method_is_405_with_allow(service: Service) -> None:
    """The answer names what is allowed."""
    answer = service.client.put("/api/traces", headers={"x-tracen-key": service.key})
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_reader_of_a_page_that_takes_long_is_led_back_to_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the browser itself, without a script; what was begun goes on."""
    posted = service.post()
    with monkeypatch.context() as impatient:
        impatient.setattr(traces, "PATIENCE_S", 0)
        path = posted.json()["url"].removeprefix(BASE_URL)
        waiting = service.client.get(path, headers={"sec-fetch-mode": "navigate"})
        assert service.client.get(path).status_code == 200  # a program waits
    assert waiting.status_code == 503
    assert waiting.headers["refresh"] == "3"
    assert "Almost there" in waiting.text
    assert service.page(posted).status_code == 200


def test_search_that_takes_long_goes_on_when_asked(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it is not at the end, and where it goes on; a reader who does gets there."""
    steps = [STEP | {"name": f"s{n}", "input": "hay " * 300} for n in range(70)]
    posted = service.post(PAYLOAD | {"steps": [*steps, STEP | {"input": "needle"}]})
    monkeypatch.setattr(finding, "MAX_SEARCH_S", 0)
    monkeypatch.setattr(finding, "_PARTS_AT_ONCE", 1)
    page = service.page(posted, "?q=needle")
    assert "No step found so far" in page.text
    for _ in range(9):
        onward = re.search(r'href="(/traces/[^"]+)"[^>]*>Search on', page.text)
        if onward is None:
            break
        page = service.client.get(html.unescape(onward[1]))
    assert "1 step found so far" in page.text


def test_post_under_way_when_its_key_is_revoked_is_refused(service: Service, tmp_path: Path) -> None:
    """It was let in before that, and is kept nowhere."""
    assert service.post().status_code == 200  # and the key is trusted for a moment
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as beside:
        beside.execute("update keys set revoked_ns = 1")
        beside.commit()
        assert "revoked" in problem(service.post(), 401)["detail"]
        assert beside.execute("select count(*) from posts").fetchone() == (1,)
