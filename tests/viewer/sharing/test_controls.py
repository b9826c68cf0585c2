"""The owner's controls of a trace: what each form does, what it refuses, and whom it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.viewer.sharing.house import BROWSER, PAYLOAD, START_NS, House, opened
from viewer.sharing.masks import MARK, MAX_MASKS, digest_of
from viewer.sharing.states import sharing_path
from viewer.store.base import NS_PER_S, RESERVATIONS, Page
from viewer.store.catalogue import Query
from viewer.summariser import Summariser

DAY_NS = 24 * 3600 * NS_PER_S
KEY = "sk-proj-" + "a1B2" * 8
FORMS = ("audience", "look", "mask", "unmask", "withdraw", "delete")
SECRETIVE = PAYLOAD | {
    "prompt": f"Write to Ada Lovelace with {KEY}.",
    "response": "Dear Ada Lovelace, dear Ada Lovelace",
}
"""A key that is masked by itself, and a name that is not."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path) as house:
        yield house


def controls(house: House, page: Page, done: str = "") -> str:
    answer = house.get(sharing_path(page.id) + done, BROWSER, house.cookie())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def submit(house: House, page: Page, form: str, **fields: str) -> httpx2.Response:
    return house.submit(f"{sharing_path(page.id)}/{form}", fields)


def words(html: str) -> str:
    """What a page says, as one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def page_text(house: House, page: Page) -> str:
    return house.get(f"/traces/{page.id}").text


def test_controls_are_for_the_owner_alone(house: House) -> None:
    """For others there is no such page, whether or not there is such a trace, and their forms change nothing."""
    page = house.post()
    eve = house.cookie("eve@example.com")
    for page_id in (page.id, "6c1dc117-4987-4f8e-ab27-8c4254502db9"):
        assert house.get(sharing_path(page_id), BROWSER, eve).status_code == 404
        for form in FORMS:
            assert (
                house.submit(f"{sharing_path(page_id)}/{form}", {"text": "Lovelace"}, eve).status_code == 404
            )
    assert house.page(page.id) == page or house.page(page.id).opened
    for form in FORMS:  # without a browser of ours
        answer = house.client.post(f"{sharing_path(page.id)}/{form}", headers=house.cookie())
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("fields", "until_ns"),
    [
        ({"until": "never"}, None),
        ({"until": "1"}, START_NS + DAY_NS),
        ({"until": "7"}, START_NS + 7 * DAY_NS),
        ({"until": "30"}, START_NS + 30 * DAY_NS),
        ({"until": "date", "date": "2027-01-31"}, 1_801_440_000 * NS_PER_S),
    ],
)
def test_audience_is_what_was_chosen(house: House, fields: dict[str, str], until_ns: int | None) -> None:
    """Who, until when, and search engines; the page says so, and keeps it when it is saved again as it is."""
    page = house.post()
    answer = submit(house, page, "audience", audience="public", indexed="yes", **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, sharing_path(page.id) + "?done=saved")
    shared = house.page(page.id)
    assert (shared.is_private, shared.shared_until_ns, shared.is_indexed) == (False, until_ns, True)
    assert "It is masked now" not in words(controls(house, page, "?done=masked"))  # nor has it been
    text = words(controls(house, page, "?done=saved"))
    assert "Saved." in text
    assert "Saved." not in words(controls(house, page, "?done=saved"))  # told once
    assert ("can see this page until" in text) == (until_ns is not None)
    if until_ns is not None:
        submit(house, page, "audience", audience="private", until="keep")
        kept = house.page(page.id)
        assert (kept.is_private, kept.shared_until_ns, kept.is_indexed) == (True, until_ns, False)
        assert "Only you can see this page." in words(controls(house, page))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"until": "never"}, "Choose who"),
        ({"audience": "all"}, "Choose who"),
        ({"audience": "public", "until": "2"}, "Choose until when"),
        ({"audience": "public", "until": "date"}, "Choose a day"),
        ({"audience": "public", "until": "date", "date": "tomorrow"}, "Choose a day"),
        ({"audience": "public", "until": "date", "date": "2027-01-14"}, "is over"),
        ({"audience": "public", "until": "date", "date": "9999-12-31"}, "A day before"),
    ],
)
def test_audience_that_makes_no_sense_changes_nothing(house: House, fields: dict[str, str], why: str) -> None:
    """The page says what would."""
    page = house.share(house.post(), is_private=True)
    answer = submit(house, page, "audience", **fields)
    assert answer.status_code == 422
    assert why in answer.text
    assert house.page(page.id).is_private


def test_link_is_withdrawn_for_a_new_one(house: House) -> None:
    """The page of the controls goes on under the new one, and shows it."""
    page = house.post()
    where = submit(house, page, "withdraw").headers["location"]
    new_id = where.split("/")[3]
    assert where == sharing_path(new_id) + "?done=link"
    text = controls(house, house.page(new_id), "?done=link")
    assert f"/traces/{new_id}</span>" in text
    assert house.get(f"/traces/{page.id}").status_code == 410
    assert house.get(sharing_path(page.id), house.cookie()).status_code == 410


def test_deletion_is_for_good_everywhere(house: House) -> None:
    """As by the API; what was masked is forgotten too."""
    page = house.post()
    submit(house, page, "mask", text="Ada Lovelace")
    answer = submit(house, page, "delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/traces")
    for path in ("/traces/{}", "/traces/{}.json", "/traces/{}/og.png", "/embed/{}", "/traces/{}.otlp.json"):
        assert house.get(path.format(page.id)).status_code == 410
    assert house.page(page.id).masks == ()
    assert submit(house, page, "delete").status_code == 410


# -- masks ---------------------------------------------------------------------------------------------


def test_review_tells_what_is_masked_and_never_the_secret(house: House) -> None:
    """By kind, with where it stands; the preview marks it."""
    page = house.post(SECRETIVE)
    html = controls(house, page)
    assert KEY not in html
    text = words(html)
    assert "OpenAI key 1 place 0 steps" in text
    assert "prompt Write to Ada Lovelace with [masked: OpenAI key] ." in text
    assert html.count("<mark>[masked: OpenAI key]</mark>") == 2


def test_text_is_looked_for_then_masked_then_shown_again(house: House) -> None:
    """The owner is told where it stands before; readers see it no more, in no form, from the next request on."""
    page = house.post(SECRETIVE)
    etag = house.get(f"/traces/{page.id}").headers["etag"]
    looked = submit(house, page, "look", text=" Ada Lovelace\r\n")
    assert looked.status_code == 200
    assert "This stands in 3 places." in words(looked.text)
    assert house.page(page.id).masks == ()
    assert submit(house, page, "mask", text="Ada Lovelace").headers["location"].endswith("?done=masked")
    assert "Ada Lovelace" in controls(house, page)  # in the list of what is masked
    for form in ("", ".json", ".md", ".otlp.json", ".perfetto.json", "/steps/1", "/rows"):
        answer = house.get(f"/traces/{page.id}{form}", {"if-none-match": etag})
        assert answer.status_code == 200
        assert "Ada Lovelace" not in answer.text
    assert "Ada" not in house.get(f"/embed/{page.id}").text
    assert "Dear [masked: by its owner]" in page_text(house, page)
    assert "Ada" not in house.client.get("/api/traces", headers={"x-tracen-key": house.key()}).text
    submit(house, page, "unmask", mask=digest_of(("Ada Lovelace",)))
    assert "Ada Lovelace" in page_text(house, page)


def test_masks_hold_where_secrets_are_not_masked(tmp_path: Path) -> None:
    """What the owner chose is no guess of ours."""
    with opened(tmp_path, redact=False) as house:
        page = house.post(SECRETIVE)
        assert KEY in page_text(house, page)
        submit(house, page, "mask", text=KEY)
        for form in ("", ".otlp.json", ".json"):
            assert KEY not in house.get(f"/traces/{page.id}{form}").text
        assert MARK in page_text(house, page)


def test_masks_hold_in_the_list_and_its_search(house: House) -> None:
    """The trace is taken out of it with the mask, and comes back without what is masked."""
    page = house.post(SECRETIVE | {"title": "For Ada Lovelace"})
    summariser = Summariser(house.store, house.clock_ns)

    def listed(text: str) -> list[str]:
        while house.wait(summariser.work):
            house.now_ns += DAY_NS
        query = Query(text=text)
        found = house.wait(house.store.catalogue.find, page.account_id, query, None, 10)
        return [one.summary.title for one in found]

    assert listed("lovelace") == ["For Ada Lovelace"]
    submit(house, page, "mask", text="Ada Lovelace")
    assert house.wait(house.store.catalogue.find, page.account_id, Query(), None, 10) == []
    assert listed("lovelace") == []
    assert listed("write") == [f"For {MARK}"]
    submit(house, page, "unmask", mask=digest_of(("Ada Lovelace",)))
    assert listed("lovelace") == ["For Ada Lovelace"]


def test_masks_hold_for_what_comes_later(house: House) -> None:
    """Spans of the same trace."""
    trace_id = b"\x07" * 16
    page = house.append(trace_id)
    submit(house, page, "mask", text="plan")
    house.append(trace_id)
    assert "plan" not in house.get(f"/traces/{page.id}.json").text
    assert "plan" not in house.get(f"/traces/{page.id}.otlp.json").text


def test_text_that_stands_nowhere_can_be_masked_all_the_same(house: House) -> None:
    """It may come."""
    page = house.post()
    looked = submit(house, page, "look", text="Charles Babbage")
    assert "This stands nowhere" in looked.text
    assert "Mask it everywhere" in looked.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Ada", "at least 4"),
        ("  a \r\n", "at least 4"),
        ("x" * 1_001, "at most 1,000"),
        ("masked", "part of the mark"),
        ("gone", "already"),
    ],
)
def test_mask_that_can_not_be_is_refused(house: House, text: str, why: str) -> None:
    """By both forms, with the reason and with what was typed."""
    page = house.post()
    submit(house, page, "mask", text="gone")
    for form in ("look", "mask"):
        answer = submit(house, page, form, text=text)
        assert answer.status_code == 422
        assert why in words(answer.text)
    assert house.page(page.id).masks == ("gone",)


def test_masks_are_bounded(house: House) -> None:
    """One more than can be is refused."""
    page = house.post()
    house.wait(house.store.set_masks, page, tuple(f"mask {n}" for n in range(MAX_MASKS)))
    assert submit(house, page, "mask", text="one more").status_code == 422
    assert len(house.page(page.id).masks) == MAX_MASKS


def test_forms_that_are_too_large_or_no_forms_are_refused(house: House) -> None:
    """Before anything is understood of them."""
    page = house.post()
    assert submit(house, page, "mask", text="x" * 20_000).status_code == 413
    headers = {**house.cookie(), "sec-fetch-site": "same-origin", "content-type": "application/json"}
    answer = house.client.post(f"{sharing_path(page.id)}/mask", content=b"{}", headers=headers)
    assert answer.status_code == 415


def test_controls_of_a_page_that_waits(house: House) -> None:
    """Its owner can decide before anything has come."""
    account = house.wait(house.store.accounts.create, "ada@example.com", START_NS)
    page = house.wait(house.store.reserve, account.id, b"\x09" * 16, START_NS, RESERVATIONS)
    controls(house, page)
    submit(house, page, "audience", audience="private", until="never")
    assert house.append(b"\x09" * 16).is_private
