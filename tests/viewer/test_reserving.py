"""`PUT /api/traces/by-otel/{otel_trace_id}`: the URL of a page before anything of its trace has come."""

from __future__ import annotations

import uuid
from typing import Any

import httpx2
import pytest

from tests.viewer.test_api import BASE_URL, NS_PER_S, PAYLOAD, Service, problem, service
from viewer import api
from viewer.store.base import Limit

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
    assert "ratelimit" not in first.headers
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


def test_reservations_are_counted_and_refusals_remembered(service: Service) -> None:
    """The last requests of a key are about what was sent: what was answered as asked does not push it out."""
    reserve(service, fresh_id())
    headers = {"x-tracen-key": service.key}
    assert service.client.get("/api/requests", headers=headers).json()["requests"] == []
    metrics = service.client.get("/metrics").text
    assert 'tracen_requests_total{door="post",outcome="accepted",signal="reservations"} 1.0' in metrics


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
