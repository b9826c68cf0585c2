"""Nothing that axe-core finds is wrong with any page, in both schemes, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page

from tests.browsers import running_browser
from tests.processes import TracenProcess, running_tracen
from tests.shots.camera import Look, opened, settle
from tests.shots.cases import CASES, Case, unfold_first_rows
from tests.shots.sources import SERVE_FLAGS, Sent
from tests.shots.spans import night_of_invoices
from tests.viewer.accessibility import violations

pytestmark = pytest.mark.browser

PHONE, DESK = 390, 1440
SMALLER = dict.fromkeys(("night", "found", "zoomed"), Sent(lambda: night_of_invoices(600)))
"""axe takes minutes for a document of 5,000 rows, and finds nothing there that it does not find here."""
LIGHT_CASES = [
    replace(case, source=SMALLER.get(case.name, case.source)) for case in CASES if not case.is_heavy
]
"""A text of 10 MB breaks no rule that one of 30 kB keeps."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def url_by_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The address of each case's page on a server of their own."""
    with running_tracen(tmp_path_factory.mktemp("accessibility") / "tracen.db", *SERVE_FLAGS) as tracen:
        yield {case.name: _published(tracen, case) for case in LIGHT_CASES}


def _published(tracen: TracenProcess, case: Case) -> str:
    return tracen.http + case.source.publish(tracen) + case.suffix


@pytest.mark.parametrize("look", [Look(PHONE, "dark"), Look(DESK, "light")], ids=["phone-dark", "desk-light"])
@pytest.mark.parametrize("case", LIGHT_CASES, ids=lambda case: case.name)
def test_page_breaks_no_rule(browser: Browser, url_by_case: dict[str, str], case: Case, look: Look) -> None:
    """As it opens, and with steps and every other fold unfolded."""
    with opened(browser, url_by_case[case.name], look, bypass_csp=True) as page:
        found = violations(page)
        _unfold(page)
        found += [told for told in violations(page) if told not in found]
    assert not found, "\n" + "\n".join(found)


def _unfold(page: Page) -> None:
    """Rows first: what a row holds may be fetched, and has folds of its own."""
    unfold_first_rows(page)
    settle(page)
    page.evaluate(
        "document.querySelectorAll('main details:not(.steps details)').forEach(one => one.open = true)"
    )
    settle(page)


def test_rules_are_applied(browser: Browser) -> None:
    """The tests above mean something: a page without a language, title or label is told of."""
    page = browser.new_page()
    page.set_content("<main><input><p style='color: #999; background: #aaa'>faint</p></main>")
    rules = {told.partition(" ")[0] for told in violations(page)}
    assert {"label", "html-has-lang", "color-contrast", "document-title"} <= rules
    page.close()
