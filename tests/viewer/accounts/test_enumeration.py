"""Nobody learns which addresses have accounts: answers are compared byte by byte, and so is the work for them."""

from __future__ import annotations

import re
from collections import Counter

import httpx2
import pytest
from argon2 import PasswordHasher

from tests.viewer.accounts.site import EMAIL, PASSWORD, Site
from viewer.store.writer import Writer

NOBODY = "bob@team.example"


def shape(answer: httpx2.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer, with what is random in it replaced, in its length, by dots."""
    headers = [(name, _without_tokens(value)) for name, value in answer.headers.multi_items()]
    return answer.status_code, headers, answer.content


def _without_tokens(value: str) -> str:
    return re.sub(r"(tracen_\w+=)([\w-]{20,})", lambda found: found[1] + "." * len(found[2]), value)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what takes time: hashes, comparisons, writes. They are done all the same."""
    counts: Counter[str] = Counter()

    def count(owner: type, name: str, key: str) -> None:
        original = getattr(owner, name)

        def counted(*args: object, **kwargs: object) -> object:
            counts[key] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(PasswordHasher, "hash", "hash")
    count(PasswordHasher, "verify", "compare")
    count(Writer, "submit", "write")
    return counts


def test_log_in_tells_unknown_address_and_wrong_password_alike(site: Site, work: Counter[str]) -> None:
    """The same words, status, headers and work; also for what is no address at all."""
    site.browser().sign_up()
    told, done = [], []
    for email in (EMAIL, NOBODY):
        work.clear()
        answer = site.browser().log_in(email, "a wrong guess")
        told.append((shape(answer)[:2], answer.text.replace(email, "…")))
        done.append(dict(work))
    assert told[0] == told[1]
    assert told[0][0][0] == 401
    assert done[0] == done[1] == {"compare": 1}
    work.clear()
    assert site.browser().log_in("no address", "a wrong guess").status_code == 401
    assert work == {"compare": 1}


def test_account_without_a_password_is_like_none(site: Site, work: Counter[str]) -> None:
    """One that came with a key, or that its operator made."""
    import asyncio

    asyncio.run(site.store.accounts.create(EMAIL, site.now_ns))
    work.clear()
    for password in ("a wrong guess", ""):
        answers = [site.browser().log_in(email, password) for email in (EMAIL, NOBODY)]
        assert answers[0].text.replace(EMAIL, "…") == answers[1].text.replace(NOBODY, "…")
    assert work == {"compare": 4}


def test_throttled_answers_are_alike(site: Site) -> None:
    """The same number of tries, the same words and times to wait."""
    site.browser().sign_up()
    told = []
    for email in (EMAIL, NOBODY):
        answers = [site.browser().log_in(email, "a wrong guess") for _ in range(8)]
        told.append([(shape(answer)[:2], answer.text.replace(email, "…")) for answer in answers])
    assert told[0] == told[1]
    assert [status for (status, _), _ in told[0]] == [401] * 5 + [429] * 3


def test_sign_up_answers_alike_whether_there_was_an_account(site: Site, work: Counter[str]) -> None:
    """Status, every header, cookies' shapes and body; as many hashes, comparisons and rows that are written."""
    site.browser().sign_up()
    answers, done = [], []
    for email in (NOBODY, EMAIL, EMAIL.upper()):
        work.clear()
        answers.append(shape(site.browser().sign_up(email, "another long password")))
        done.append(dict(work))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 303
    assert [(each["hash"], each["compare"]) for each in done] == [(1, 1)] * 3
    assert [each["write"] for each in done] == [3, 4, 4]  # an attempt that wrote nothing, and as many rows


def test_sign_up_with_another_password_opens_nothing(site: Site) -> None:
    """Its cookie is a decoy: the owner's account stays closed, and the log-in says what may be the matter."""
    site.browser().sign_up()
    eve = site.browser()
    eve.sign_up(password="another long password")
    led = eve.get("/app/account")
    assert led.status_code == 303
    page = eve.get("/login?next=/app/start")
    assert "there may be an account with this address already" in page.text
    assert "there may be" not in eve.get("/login?next=/app/account").text
    assert site.browser().log_in().status_code == 303


def test_sign_up_with_the_password_of_the_account_logs_in(site: Site) -> None:
    """Who forgot that they had signed up."""
    site.browser().sign_up()
    browser = site.browser()
    assert browser.sign_up(EMAIL, PASSWORD).headers["location"] == "/app/start"
    assert browser.is_in


def test_sign_up_is_no_way_around_the_throttle(site: Site) -> None:
    """Guesses made there count like any, and the right one is not told from the wrong ones while others wait."""
    site.browser().sign_up()
    guesser = site.browser()
    for n in range(6):
        guesser.sign_up(password=f"a wrong guess {n}")
    assert site.browser().log_in().status_code == 429
    guesser.sign_up()
    assert not guesser.is_in
    site.pass_time(60)
