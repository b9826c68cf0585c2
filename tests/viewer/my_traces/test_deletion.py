"""What was selected in the list is deleted, once that was confirmed, and nothing else is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.viewer.markup import Page
from tests.viewer.my_traces.service import EVE, OURS, MyTracesService, serving
from viewer.my_traces.deletion import MAX_AT_ONCE
from viewer.my_traces.page import TITLES


@pytest.fixture
def service(tmp_path: Path) -> Iterator[MyTracesService]:
    with serving(tmp_path) as service:
        yield service


def test_deletion_is_asked_for_first(service: MyTracesService) -> None:
    """The page says how many and which; until its own form is sent nothing is gone."""
    ids = service.send(*(f"run {n}" for n in range(TITLES + 3)))
    answer = service.delete(*ids[:-1], list="status=success")
    assert answer.status_code == 200
    page = Page(answer.text)
    assert page.texts("h1") == [f"Delete {TITLES + 2} traces?"]
    assert [item.text for item in page.all("li")] == [*(f"run {n}" for n in range(TITLES)), "and 2 more"]
    assert [field.attributes["value"] for field in page.all("input", name="id")] == ids[:-1]
    assert page.all("a", class_="button", href="/app/traces?status=success")
    assert len(service.titles()) == TITLES + 3


def test_confirmed_deletion_is_done(service: MyTracesService) -> None:
    """The pages say so from then on, the list no longer has them, and the way back keeps the filters."""
    ids = service.send("one", "two", "three")
    answer = service.delete(*ids[:2], confirmed="1", list="status=success")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/app/traces?status=success&deleted=2"
    assert service.titles() == ["three"]
    assert "2 traces deleted for good." in service.open("?status=success&deleted=2").text
    assert [service.client.get(f"/traces/{one}").status_code for one in ids] == [410, 410, 200]
    for query in ("?q=one", "?q=two"):
        assert service.titles(query) == []


def test_deletion_leads_back_to_its_page_of_the_list(service: MyTracesService) -> None:
    """An older page stays the one that is shown."""
    ids = service.send("one", "two", "three")
    answer = service.delete(ids[2], confirmed="1", list="q=o&before=99")
    assert answer.headers["location"] == "/app/traces?q=o&before=99&deleted=1"


def test_what_is_not_the_accounts_own_is_not_found(service: MyTracesService) -> None:
    """A neighbour's trace, one that is deleted, and what never was are counted alike, and untouched."""
    mine, gone = service.send("mine", "gone")
    eves = service.post("Eve's", email=EVE)
    service.delete(gone, confirmed="1")
    others = (eves, gone, str(uuid.uuid4()), "'; drop table pages; --", "x" * 5_000, "\x00")
    page = Page(service.delete(mine, *others).text)
    assert page.texts("h1") == ["Delete 1 trace?"]
    assert "6 traces were not found" in page.text
    assert "Eve" not in page.text
    answer = service.delete(mine, *others, confirmed="1")
    assert answer.headers["location"] == "/app/traces?deleted=1&missed=6"
    assert service.client.get(f"/traces/{eves}").status_code == 200
    assert "1 trace deleted for good. 6 traces were not found" in service.open("?deleted=1&missed=6").text


def test_nothing_selected_deletes_nothing(service: MyTracesService) -> None:
    """The list comes back and says why; so it does where all of them were gone already."""
    service.send("one")
    for ids, told in ((), "No trace was selected"), (("nothing",), "Nothing was deleted. 1 trace was not"):
        answer = service.delete(*ids, confirmed="1")
        assert answer.status_code == 303
        assert told in service.client.get(answer.headers["location"]).text
    assert service.titles() == ["one"]


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"id=" + b"x" * 70_000, FORM, 413),
        (b"&".join([b"a=1"] * 1_100), FORM, 400),
        (b"id=%ff%fe", FORM, 400),
        (b'{"id": 1}', "application/json", 415),
        (b"--x--", "multipart/form-data; boundary=x", 415),
        ("&".join(f"id={n}" for n in range(MAX_AT_ONCE + 1)).encode(), FORM, 422),
    ],
    ids=["large", "many-fields", "no-text", "json", "multipart", "many-traces"],
)
def test_forms_that_are_none_of_ours_are_refused(
    service: MyTracesService, content: bytes, content_type: str, status: int
) -> None:
    """Without deleting anything; who selected too many is told how many may be."""
    service.send("one")
    headers = OURS | {"content-type": content_type}
    answer = service.client.post("/app/traces/delete", content=content, headers=headers)
    assert answer.status_code == status
    assert ("201 traces were selected; at most 200" in Page(answer.text).text) == (status == 422)
    assert service.titles() == ["one"]


@pytest.mark.parametrize(
    "content",
    [b"", b"id=%00", b"=&&&==;", b"list=%26%3D&list=before%3Dx&id=a", b"list=" + b"q%3Da%26" * 2_000],
)
def test_odd_forms_do_no_harm(service: MyTracesService, content: bytes) -> None:
    """Fields without names or values, lists that are none."""
    service.send("one")
    headers = OURS | {"content-type": FORM}
    answer = service.client.post(
        "/app/traces/delete", content=content, headers=headers, follow_redirects=False
    )
    assert answer.status_code == 303
    assert "deleted=0" in answer.headers["location"]
    assert service.titles() == ["one"]


@pytest.mark.parametrize(
    "query",
    ["?deleted=x", "?deleted=-1", "?deleted=9999", "?deleted=200&missed=1", "?missed=2", "?deleted=2"],
)
def test_addresses_can_not_claim_what_can_not_be(service: MyTracesService, query: str) -> None:
    """What an address says of a deletion is said only where a deletion has led to it."""
    assert "deleted" not in service.open(query).text


def test_other_sites_can_not_delete(service: MyTracesService) -> None:
    """A form of another site is refused, whatever cookies come along."""
    ids = service.send("one")
    answer = service.client.post(
        "/app/traces/delete",
        data={"id": ids, "confirmed": "1"},
        headers={"sec-fetch-site": "cross-site", "origin": "http://evil.example"},
    )
    assert answer.status_code == 403
    assert service.titles() == ["one"]
