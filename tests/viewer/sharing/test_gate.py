"""Who may see a page: every route that shows one, for everybody who may come, in every state of its sharing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.viewer.sharing.house import BROWSER, START_NS, URL, House, opened, told
from viewer.policy import PolicyRoute
from viewer.store.base import NS_PER_S, RESERVATIONS
from viewer.store.people import Scope

UNKNOWN = "6c1dc117-4987-4f8e-ab27-8c4254502db9"
DAY_NS = 24 * 3600 * NS_PER_S
PEOPLE = (
    "/traces/{page_id}",
    "/traces/{page_id}/rows",
    "/traces/{page_id}/steps/{number}",
    "/compare/{a}/{b}",
    "/traces/{page_id}/events",
)
"""For who has logged in; the last one is endless."""
PROGRAMS = (
    "/traces/{page_id}.json",
    "/traces/{page_id}.md",
    "/traces/{page_id}.otlp.json",
    "/traces/{page_id}.perfetto.json",
)
"""For keys that may read as well."""
ANYBODY = ("/traces/{page_id}/og.png", "/embed/{page_id}", "/oembed")
"""The same for everybody: cookies and keys are not looked at."""
ALL = (*PEOPLE[:-1], *PROGRAMS, *ANYBODY)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path) as house:
        yield house


def path_of(route: str, page_id: str) -> str:
    path = route.replace("{page_id}", page_id).replace("{number}", "1")
    path = path.replace("{a}", page_id).replace("{b}", page_id)
    return f"{path}?url={URL}/traces/{page_id}" if route == "/oembed" else path


def visitors(house: House) -> dict[str, dict[str, str]]:
    """Headers of those who may come to a page of Ada's."""
    return {
        "stranger": {},
        "broken cookie": {"cookie": "tracen_session=x"},
        "another account": house.cookie("eve@example.com"),
        "another key": {"x-tracen-key": house.key("eve@example.com")},
        "a key that only writes": {"x-tracen-key": house.key(scopes=frozenset({Scope.WRITE}))},
        "no key": {"x-tracen-key": "tracen_sk_wrong"},
        "owner": house.cookie(),
        "owner's key": {"authorization": f"Bearer {house.key()}"},
    }


def is_let_in(visitor: str, route: str) -> bool:
    """Whether somebody sees what is private, or was shared for a time."""
    if route in ANYBODY:
        return False
    return visitor == "owner" or (visitor == "owner's key" and route in PROGRAMS)


def test_every_route_that_shows_a_page_is_walked_here(house: House) -> None:
    """A new form of a page is refused here until it is known who may see it."""
    shown = {
        route.path
        for route in house.app.routes
        if isinstance(route, PolicyRoute)
        and {"page_id", "a"} & route.param_convertors.keys()
        and not route.path.startswith(("/api/", "/app/"))
    }
    assert shown | {"/oembed"} == {*PEOPLE, *PROGRAMS, *ANYBODY}


def test_public_page_is_seen_by_everybody(house: House) -> None:
    """Whoever they are, and with the same headers, but for the page that its owner sees."""
    page = house.post()
    for route in ALL:
        path = path_of(route, page.id)
        expected = told(house.get(path, BROWSER))
        assert expected[0] == 200, route
        for visitor, headers in visitors(house).items():
            answer = told(house.get(path, BROWSER, headers))
            assert (answer == expected) != (visitor == "owner" and route == PEOPLE[0]), (route, visitor)


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
def test_private_page_is_as_if_there_were_none(house: House, accept: str) -> None:
    """Byte for byte, with every header, for whoever is not let in; also for who had it before."""
    page = house.post()
    etags = {route: house.get(path_of(route, page.id)).headers.get("etag", "*") for route in ALL}
    page = house.share(page, is_private=True)
    for visitor, headers in visitors(house).items():
        for route in (*ALL, PEOPLE[-1]):
            if is_let_in(visitor, route):
                continue
            for condition in ({}, {"if-none-match": etags.get(route, "*")}, {"if-none-match": "*"}):
                asked = ({"accept": accept}, headers, condition)
                if accept == "application/json" and visitor == "owner's key" and route == PEOPLE[0]:
                    continue  # it asks for a form for programs
                answer = house.get(path_of(route, page.id), *asked)
                assert answer.status_code == 404, (route, visitor)
                unknown = house.get(path_of(route, UNKNOWN), *asked)
                assert told(answer) == told(unknown), (route, visitor)


def test_private_page_is_seen_by_its_owner_and_kept_by_nobody(house: House) -> None:
    """By the session, and by a key that may read where programs read; no cache may have it."""
    page = house.share(house.post(), is_private=True)
    for visitor, headers in visitors(house).items():
        for route in ALL:
            if is_let_in(visitor, route):
                answer = house.get(path_of(route, page.id), BROWSER, headers, {"if-none-match": "*"})
                assert answer.status_code == 200, (route, visitor)
                assert answer.headers["cache-control"] == "private, no-store"
                assert "cookie" in answer.headers["vary"]
                assert "etag" not in answer.headers
    key = visitors(house)["owner's key"]
    negotiated = house.get(path_of(PEOPLE[0], page.id), {"accept": "application/json"}, key)
    assert negotiated.json()["prompt"] == "Write to Ada Lovelace."


def test_expired_page_says_so_to_all_but_its_owner(house: House) -> None:
    """From the very moment on; until then it is like any other."""
    page = house.share(house.post(), shared_until_ns=START_NS + DAY_NS)
    house.now_ns = START_NS + DAY_NS - 1
    assert all(house.get(path_of(route, page.id)).status_code == 200 for route in ALL)
    etag = house.get(path_of(PEOPLE[0], page.id)).headers["etag"]
    house.now_ns += 1
    for visitor, headers in visitors(house).items():
        for route in ALL:
            answer = house.get(path_of(route, page.id), BROWSER, headers, {"if-none-match": etag})
            assert answer.status_code == (200 if is_let_in(visitor, route) else 410), (route, visitor)
            if answer.status_code == 410:
                assert "No longer shared" in answer.text
                assert answer.headers["cache-control"] == "no-store"
            else:
                assert answer.headers["cache-control"] == "private, no-store"


def test_private_page_that_expired_is_still_as_if_there_were_none(house: House) -> None:
    """410 would say that there is one."""
    page = house.share(house.post(), is_private=True, shared_until_ns=START_NS - 1)
    assert house.get(path_of(PEOPLE[0], page.id)).status_code == 404


@pytest.mark.parametrize("state", ["withdrawn", "deleted"])
def test_page_that_is_gone_is_gone_for_whoever_saw_it(house: House, state: str) -> None:
    """Its owner included, in every form; for a stranger a private one is still as if there had been none."""
    for is_private in (False, True):
        page = house.share(house.post(), is_private=is_private)
        if state == "withdrawn":
            house.wait(house.store.reissue, page, START_NS)
        else:
            house.wait(house.store.delete, page, START_NS)
        for visitor, headers in visitors(house).items():
            for route in (*ALL, PEOPLE[-1]):
                asked = (BROWSER, headers, {"if-none-match": "*"})
                answer = house.get(path_of(route, page.id), *asked)
                if is_private and not is_let_in(visitor, route):
                    assert answer.status_code == 404, (route, visitor)
                    assert told(answer) == told(house.get(path_of(route, UNKNOWN), *asked)), (route, visitor)
                    continue
                assert answer.status_code == 410, (route, visitor)
                assert state in answer.text


def test_private_page_of_a_closed_account_is_as_if_there_had_been_none(house: House) -> None:
    """Before its traces are removed, and after."""
    private, public = house.share(house.post(), is_private=True), house.post()
    house.wait(house.store.accounts.close_account, private.account_id, START_NS)
    for _ in range(2):
        assert house.get(path_of(PEOPLE[0], private.id)).status_code == 404
        assert house.get(path_of(PEOPLE[0], public.id)).status_code == 410
        while house.wait(house.store.purge, START_NS + DAY_NS):
            pass


def test_new_link_shows_what_the_old_one_did(house: House) -> None:
    """At once, and to whom it did."""
    old = house.post()
    new = house.wait(house.store.reissue, old, START_NS)
    assert "Write to Ada Lovelace." in house.get(path_of(PEOPLE[0], new.id)).text
    answer = house.client.request("DELETE", f"/api/traces/{old.id}", headers={"x-tracen-key": house.key()})
    assert answer.status_code == 410
    assert house.get(path_of(PEOPLE[0], new.id)).status_code == 200


def test_key_deletes_with_both_scopes_alone(house: House) -> None:
    """One that is called "read only" takes nothing away, nor does one that only sends."""
    page = house.post()
    for scopes, status in (({Scope.READ}, 403), ({Scope.WRITE}, 403), ({Scope.READ, Scope.WRITE}, 204)):
        headers = {"x-tracen-key": house.key(scopes=frozenset(scopes))}
        answer = house.client.request("DELETE", f"/api/traces/{page.id}", headers=headers)
        assert answer.status_code == status, answer.text
        assert house.page(page.id).deleted == (status == 204)


def test_comparison_is_for_who_may_see_both(house: House) -> None:
    """One of two that is private hides the comparison."""
    shown, hidden = house.post(), house.share(house.post(), is_private=True)
    for a, b in ((shown, hidden), (hidden, shown)):
        assert house.get(f"/compare/{a.id}/{b.id}").status_code == 404
        answer = house.get(f"/compare/{a.id}/{b.id}", house.cookie())
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
    assert house.get(f"/compare/{shown.id}/{shown.id}").headers["cache-control"] == "no-cache"


def test_page_that_waits_has_nothing_to_hide_until_something_comes(house: House) -> None:
    """Whoever was given its link sees that the run has begun, and no more where it turns out private."""
    account = house.wait(house.store.accounts.create, "ada@example.com", START_NS)
    house.wait(house.store.accounts.set_otlp_private, account.id, True)
    page = house.wait(house.store.reserve, account.id, b"\x01" * 16, START_NS, RESERVATIONS)
    assert "The run has begun" in house.get(path_of(PEOPLE[0], page.id)).text
    assert house.append(b"\x01" * 16).is_private
    assert house.get(path_of(PEOPLE[0], page.id)).status_code == 404
    assert "plan" in house.get(path_of(PEOPLE[0], page.id), house.cookie()).text


# -- what only the owner sees of a page, and search engines --------------------------------------------


def owner_bar(answer: httpx2.Response) -> bool:
    return "/sharing" in answer.text


def test_owner_is_told_who_sees_the_page_and_nobody_else_is(house: House) -> None:
    """What others get is what they got before anybody logged in, and may be kept."""
    page = house.post()
    path = path_of(PEOPLE[0], page.id)
    public = house.get(path)
    assert public.headers["cache-control"] == "no-cache"
    assert "cookie" not in public.headers["vary"]
    told_owner = house.get(path, house.cookie(), {"if-none-match": public.headers["etag"]})
    assert owner_bar(told_owner)
    assert told_owner.text.count("Whoever has the link can see this page.") == 1
    assert 'href="/app/traces"' in told_owner.text
    assert told_owner.headers["cache-control"] == "private, no-store"
    for headers in ({}, house.cookie("eve@example.com")):
        assert told(house.get(path, headers)) == told(public)
        revalidated = house.get(path, headers, {"if-none-match": public.headers["etag"]})
        assert revalidated.status_code == 304


def test_search_engines_are_told_to_stay_away_unless_the_owner_wants_them(house: House) -> None:
    """On the page alone, only while it is public, and in what revalidates it too."""
    page = house.post()
    path = path_of(PEOPLE[0], page.id)
    before = house.get(path)
    assert "noindex" in before.headers["x-robots-tag"]
    assert 'name="robots"' in before.text
    page = house.share(page, is_indexed=True)
    for condition, status in (({"if-none-match": before.headers["etag"]}, 200), ({}, 200)):
        answer = house.get(path, condition)
        assert answer.status_code == status
        assert "x-robots-tag" not in answer.headers
        assert 'name="robots"' not in answer.text
    known = house.get(path, {"if-none-match": answer.headers["etag"]})
    assert known.status_code == 304
    assert "x-robots-tag" not in known.headers
    for route in ALL[1:]:
        assert "noindex" in house.get(path_of(route, page.id)).headers["x-robots-tag"], route
    house.share(page, is_indexed=True, is_private=True)
    for headers in ({}, house.cookie()):
        assert "noindex" in house.get(path, headers).headers["x-robots-tag"]


def test_links_of_a_private_account_come_over_otlp_and_by_post(house: House) -> None:
    """What is posted is for others to see, whatever the account prefers for OTLP."""
    account = house.wait(house.store.accounts.create, "ada@example.com", START_NS)
    house.wait(house.store.accounts.set_otlp_private, account.id, True)
    assert house.append(b"\x02" * 16).is_private
    assert not house.post().is_private
