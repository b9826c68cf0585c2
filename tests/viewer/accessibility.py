"""What axe-core finds wrong with a page in the real browser, in words that lead to the place."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
"""WCAG 2.0 to 2.2, levels A and AA, and what axe recommends beyond them (axe-core, doc/API.md)."""

MAX_ROWS = 25
"""Rows that are looked at, at either end of a timeline: axe's time grows faster than a document."""

_MAX_PLACES = 3
_MAX_MARKUP = 160
_RUN = """async ([tags, most]) => {
    const rows = element => [...element.querySelectorAll('summary.row')];
    const middle = new Set(rows(document).slice(most, -most)), places = [];
    for (const row of middle) {
        const item = row.closest('li') ?? row.parentElement;
        if (item.isConnected && rows(item).every(one => middle.has(one))) {
            places.push([document.createComment(''), item]);
            item.replaceWith(places.at(-1)[0]);
        }
    }
    try {
        const options = {runOnly: tags, resultTypes: ['violations'], preload: false};
        return (await axe.run(document, options)).violations;
    } finally {
        for (const [place, item] of places) place.replaceWith(item);
    }
}"""


def violations(page: Page) -> list[str]:
    """One message for each rule that the page breaks as it stands: rule, harm, what to do, first places.

    The middle of a timeline longer than twice MAX_ROWS is taken out meanwhile: its rows are like the others. Needs
    a page whose context has `bypass_csp=True`: axe reads style sheets, which our policy would refuse it.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    return [_told(violation) for violation in page.evaluate(_RUN, [list(TAGS), MAX_ROWS])]


@cache
def _axe() -> str:
    """The script as PyPI's axe-playwright-python carries it; its API, which tells no types, is not needed."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def _told(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    places = "".join(f"\n    {_place(node)}" for node in nodes[:_MAX_PLACES])
    more = f"\n    and {len(nodes) - _MAX_PLACES} more" if len(nodes) > _MAX_PLACES else ""
    return f"{violation['id']} ({violation['impact']}): {violation['help']}{places}{more}"


def _place(node: dict[str, Any]) -> str:
    """The selector, the beginning of the markup, and the first reason that axe gives."""
    selector = " ".join(str(part) for part in node["target"])
    reasons = [check["message"] for check in (*node["any"], *node["all"], *node["none"])]
    return f"{selector}  {node['html'][:_MAX_MARKUP]}  {reasons[0] if reasons else ''}".rstrip()
