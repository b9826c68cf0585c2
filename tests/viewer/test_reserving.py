"""`PUT /api/traces/by-otel/{otel_trace_id}`: the URL of a page before anything of its trace has come."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.bridge.otlp_bodies import json_body, json_span
from tests.processes import TracenProcess
from tests.viewer.stores import NOW, TRACE, key_in
from tests.viewer.test_api import BASE_URL, PAYLOAD, Service, problem, service
from viewer import api, workers
from viewer.app import create_app
from viewer.housekeeping import Housekeeping
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, RESERVATIONS, Limit, Page
from viewer.store.sqlite import SqliteStore

__all__ = ["service"]  # the fixture


def fresh_id() -> str:
    return uuid.uuid4().hex


def reserve(service: Service, otel_trace_id: str, key: str | None = None, **more: Any) -> httpx2.Response:
    headers = {"x-tracen-key": key or service.key} | more.pop("headers", {})
    path = f"/api/traces/by-otel/{otel_trace_id}"
    return service.client.request("PUT", path, headers=headers, **more)


def find(service: Service, otel_trace_id: str, key: str | None = None) -> httpx2.Response:
    headers = {"x-tracen-key": key or service.key}
    return service.client.get(f"/api/traces/by-otel/{otel_trace_id}", headers=headers)


def test_reserved_page_is_that_of_what_is_posted_later(service: Service) -> None:
    """However often it is asked for, before and after; the limit of the key is not touched."""
    trace_id = fresh_id()
    first = reserve(service, trace_id)
    assert first.status_code == 200
    told = first.json()
    assert told == {"trace_id": told["trace_id"], "url": f"{BASE_URL}/traces/{uuid.UUID(told['trace_id'])}"}
    assert first.headers["ratelimit"] == '"hour";r=100;t=3600'
    assert reserve(service, trace_id.upper()).json() == told
    assert find(service, trace_id).json() == told
    posted = service.post(PAYLOAD | {"otel_trace_id": trace_id})
    assert posted.json() == told
    assert "r=99" in posted.headers["ratelimit"]
    assert reserve(service, trace_id).json() == told
    assert "Sunny." in service.page(posted).text


def test_page_that_is_there_is_answered(service: Service) -> None:
    """Content may have been faster than the question."""
    trace_id = fresh_id()
    posted = service.post(PAYLOAD | {"otel_trace_id": trace_id})
    assert reserve(service, trace_id).json() == posted.json()


def test_deleted_trace_has_no_page_to_reserve(service: Service) -> None:
    """With content or without, before the deletion."""
    for has_content in (True, False):
        trace_id = fresh_id()
        page = reserve(service, trace_id).json()["trace_id"]
        if has_content:
            service.post(PAYLOAD | {"otel_trace_id": trace_id})
        path = f"/api/traces/{page}"
        assert service.client.delete(path, headers={"x-tracen-key": service.key}).status_code == 204
        problem(reserve(service, trace_id), 410)
        problem(find(service, trace_id), 410)
        assert service.client.get(f"/traces/{page}").status_code == 410


@pytest.mark.parametrize("otel_trace_id", ["0" * 32, "x" * 32, "ab", "1" * 33, "١" * 32])
def test_what_is_no_trace_id_is_not_reserved(service: Service, otel_trace_id: str) -> None:
    """As the GET answers it."""
    assert problem(reserve(service, otel_trace_id), 404) == problem(find(service, otel_trace_id), 404)


def test_reservation_needs_a_key(service: Service) -> None:
    """None, or one that is not ours; a bearer token is one."""
    for key in ("nonsense", " "):
        assert "www-authenticate" in reserve(service, fresh_id(), key=key).headers
        problem(reserve(service, fresh_id(), key=key), 401)
    bearer = {"x-tracen-key": "", "authorization": f"Bearer {service.key}"}
    assert reserve(service, fresh_id(), headers=bearer).status_code == 200


def test_accounts_have_pages_of_their_own(service: Service) -> None:
    """Trace ids are chosen by clients: a reservation never leads into somebody else's data."""
    trace_id = fresh_id()
    hers, eves = reserve(service, trace_id), reserve(service, trace_id, service.other_key)
    assert hers.json()["url"] != eves.json()["url"]
    assert service.post(PAYLOAD | {"otel_trace_id": trace_id}, service.other_key).json() == eves.json()


def test_bodies_are_dropped(service: Service) -> None:
    """None is needed; a large one ends the connection with the answer."""
    assert reserve(service, fresh_id(), content=b"whatever" * 100).status_code == 200
    answer = reserve(service, fresh_id(), content=b"x" * 100_000)
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_third_method_is_told_of_both(service: Service) -> None:
    """The address takes GET and PUT."""
    answer = service.client.post(f"/api/traces/by-otel/{fresh_id()}")
    problem(answer, 405)
    assert {"GET", "PUT"} <= set(answer.headers["allow"].split(", "))


def test_pages_that_wait_are_bounded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond, an account is told when there is room; content makes room, and so does time. Posts go on."""
    monkeypatch.setattr(api, "RESERVATIONS", Limit(3, 24 * 3600))
    ids = [fresh_id() for _ in range(3)]
    for trace_id in ids:
        assert reserve(service, trace_id).status_code == 200
        service.clock.now_ns += NS_PER_S
    answer = reserve(service, fresh_id())
    assert "3 pages" in problem(answer, 429)["detail"]
    assert answer.headers["retry-after"] == str(24 * 3600 - 3)
    assert reserve(service, fresh_id(), service.other_key).status_code == 200
    assert reserve(service, ids[1]).status_code == 200
    assert service.post(PAYLOAD | {"otel_trace_id": fresh_id()}).status_code == 200
    assert service.post(PAYLOAD | {"otel_trace_id": ids[1]}).status_code == 200
    assert reserve(service, fresh_id()).status_code == 200
    problem(reserve(service, fresh_id()), 429)
    service.clock.now_ns += (24 * 3600 - 3) * NS_PER_S
    assert reserve(service, fresh_id()).status_code == 200


def test_reservations_are_counted_and_refusals_remembered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last requests of a key are about what was sent: what was answered as asked does not push it out."""
    reserve(service, fresh_id())
    headers = {"x-tracen-key": service.key}
    assert service.client.get("/api/requests", headers=headers).json()["requests"] == []
    metrics = service.client.get("/metrics").text
    assert 'tracen_requests_total{door="post",outcome="accepted",signal="reservations"} 1.0' in metrics
    reserve(service, "nonsense")
    monkeypatch.setattr(api, "RESERVATIONS", Limit(1, 3600))
    reserve(service, fresh_id())
    told = service.client.get("/api/requests", headers=headers).json()["requests"]
    assert [(one["signal"], one["outcome"], one["status"]) for one in told] == [
        ("reservations", "reservations_used_up", "429"),
        ("reservations", "no_trace_id", "404"),
    ]


def test_lists_leave_out_what_has_not_come(service: Service) -> None:
    """A trace is listed when something of it is there."""
    trace_id = fresh_id()
    reserve(service, trace_id)
    headers = {"x-tracen-key": service.key}
    assert service.client.get("/api/traces", headers=headers).json()["traces"] == []
    service.post(PAYLOAD | {"otel_trace_id": trace_id})
    assert len(service.client.get("/api/traces", headers=headers).json()["traces"]) == 1


# -- the page that waits -------------------------------------------------------------------------------

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def waiting(service: Service) -> str:
    """The path of a page of whose trace nothing has come."""
    url: str = reserve(service, fresh_id()).json()["url"]
    return url.removeprefix(BASE_URL)


def test_page_that_waits_says_since_when(service: Service, waiting: str) -> None:
    """In plain words, for whoever opens it, and never from a cache; asking again does not move the beginning."""
    answer = service.client.get(waiting, headers=BROWSER)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    for words in ("The run has begun", "Nothing of it has arrived yet", "15 Jan 2027, 08:00:00 UTC"):
        assert words in answer.text
    assert f'data-events="{waiting}/events" data-version="0"' in answer.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in answer.text


def test_page_tells_the_trace_as_soon_as_something_has_come(service: Service) -> None:
    """At the same address; nothing of the waiting is kept."""
    trace_id = fresh_id()
    path = reserve(service, trace_id).json()["url"].removeprefix(BASE_URL)
    before = [service.client.get(path + form, headers=BROWSER) for form in ("", ".json", "/og.png")]
    service.clock.now_ns += NS_PER_S
    reserve(service, trace_id)
    service.post(PAYLOAD | {"otel_trace_id": trace_id})
    after = [service.client.get(path + form, headers=BROWSER) for form in ("", ".json", "/og.png")]
    assert [answer.status_code for answer in after] == [200, 200, 200]
    assert "Sunny." in after[0].text
    assert "The run has begun" not in after[0].text
    assert after[2].content != before[2].content


@pytest.mark.parametrize("form", [".json", ".md", ".otlp.json", ".perfetto.json"])
def test_data_of_a_trace_that_has_not_come_is_refused(service: Service, waiting: str, form: str) -> None:
    """Whoever asks for data gets none that is not there, hears why, and when to ask again."""
    for headers in (BROWSER, {"accept": "*/*"}):
        answer = service.client.get(waiting + form, headers=headers)
        assert "Nothing of it has arrived yet" in problem(answer, 404)["detail"]
        assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("5", "no-store")


@pytest.mark.parametrize("media_type", ["application/json", "text/markdown"])
def test_preferred_form_is_refused_as_well(service: Service, waiting: str, media_type: str) -> None:
    """By `Accept:` as by the ending."""
    problem(service.client.get(waiting, headers={"accept": media_type}), 404)


def test_parts_of_a_trace_that_has_not_come_say_so_to_people(service: Service, waiting: str) -> None:
    """A step, its rows, a comparison: the page looks again by itself."""
    for path in (f"{waiting}/steps/1", f"{waiting}/rows", f"/compare/{waiting[8:]}/{waiting[8:]}"):
        answer = service.client.get(path, headers=BROWSER)
        assert (answer.status_code, answer.headers["refresh"]) == (404, "5")
        assert "Nothing of it has arrived yet" in answer.text


def test_page_that_waits_can_be_shared(service: Service, waiting: str) -> None:
    """Card, picture and oEmbed are there from the first moment, and no cache keeps them."""
    card = service.client.get(f"/embed/{waiting[8:]}")
    assert (card.status_code, card.headers["cache-control"]) == (200, "no-store")
    assert "Nothing of it has arrived yet" in card.text
    picture = service.client.get(f"{waiting}/og.png")
    assert (picture.status_code, picture.headers["cache-control"]) == (200, "no-store")
    assert picture.content.startswith(b"\x89PNG")
    told = service.client.get("/oembed", params={"url": BASE_URL + waiting}).json()
    assert told["title"] == "The run has begun"
    assert f"/embed/{waiting[8:]}" in told["html"]


def test_picture_of_a_page_that_waits_keeps_nobody_waiting(
    service: Service, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same for all, and takes no turn among those whose work takes long."""
    monkeypatch.setattr(workers, "MAX_WAITING", 0)
    first, second = (service.client.get(f"{waiting}/og.png") for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)


def test_page_that_was_given_up_is_unknown(tmp_path: Path) -> None:
    """After a day, at the hand of the housekeeping: 404, for it never was, and never 410."""
    store, now_ns = SqliteStore(tmp_path / "t.db"), [NOW]

    async def reserved() -> Page:
        key = await key_in(store)
        return await store.reserve(key.account_id, TRACE, NOW, RESERVATIONS)

    async def swept(page: Page, age_s: int) -> bool:
        """Whether a round of the housekeeping gives the page up."""
        now_ns[0] = NOW + age_s * NS_PER_S
        rounds = asyncio.create_task(Housekeeping(store, None, lambda: now_ns[0]).run())
        for _ in range(100):
            await asyncio.sleep(0.02)
            if await store.page(page.id) is None:
                break
        rounds.cancel()
        return await store.page(page.id) is None

    page = asyncio.run(reserved())
    assert not asyncio.run(swept(page, 24 * 3600 - 1))
    assert asyncio.run(swept(page, 24 * 3600))
    keys, requests = Authenticator(store, lambda: 0.0), Requests(Metrics(), lambda: NOW)
    with TestClient(create_app(store, Settings(base_url=BASE_URL), keys, requests), BASE_URL) as client:
        for form in ("", ".json", ".md", "/events", "/og.png"):
            assert client.get(f"/traces/{page.id}{form}").status_code == 404
    asyncio.run(store.close())


# -- a server ------------------------------------------------------------------------------------------


def test_many_who_reserve_at_once_get_one_page_for_each_account(tracen: TracenProcess) -> None:
    """A hundred PUTs of one trace id from each of two accounts, mingled with what is sent of it."""
    trace_id, keys = fresh_id(), (tracen.key, tracen.create_key("eve@example.com"))
    path = f"{tracen.http}/api/traces/by-otel/{trace_id}"
    spans = json_body(json_span(trace_id), json_span(fresh_id()))

    def put(number: int) -> tuple[str, str]:
        key = keys[number % 2]
        with httpx2.Client(headers={"x-tracen-key": key}, trust_env=False, timeout=60) as client:
            if number % 40 == 20:  # of the first account alone
                headers = {"content-type": "application/json"}
                assert (
                    client.post(f"{tracen.http}/v1/traces", content=spans, headers=headers).status_code == 200
                )
            answer = client.put(path)
        assert answer.status_code == 200, answer.text
        return key, answer.json()["url"]

    with ThreadPoolExecutor(20) as threads:
        pages = set(threads.map(put, range(200)))
    assert len(pages) == len({url for _, url in pages}) == 2
    urls = dict(pages)
    assert "The run has begun" not in httpx2.get(urls[keys[0]], trust_env=False).text
    assert "The run has begun" in httpx2.get(urls[keys[1]], trust_env=False).text
