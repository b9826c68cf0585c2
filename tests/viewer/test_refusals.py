"""What stands where no page is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.viewer.accounts.portal import Portal, opened_portal
from tests.viewer.markup import Page


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with opened_portal(tmp_path) as portal:
        yield portal


def ways_on(html: str) -> list[str]:
    """Where the message leads."""
    return [link.attributes["href"] for link in Page(html).all("a") if "main" in link.inside]


def test_message_leads_on_by_who_asks(portal: Portal) -> None:
    """A stranger home and to the log-in, who is in to the traces; whatever was asked for."""
    with portal.visit("ada@example.com") as ada:
        assert ways_on(ada.get("/nothing").text) == ["/app/traces", "/"]
        assert ways_on(ada.get("/traces/nothing").text) == ["/app/traces", "/"]
        ada.client.cookies.clear()
        assert ways_on(ada.get("/nothing").text) == ["/", "/login"]


def test_address_of_the_inside_leads_to_the_traces(portal: Portal) -> None:
    """As people remember it, with and without a slash; strangers log in first."""
    with portal.visit("ada@example.com") as ada:
        for path in ("/app", "/app/"):
            answer = ada.client.get(path, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, "/app/traces")
        ada.client.cookies.clear()
        answer = ada.client.get("/app", headers={"accept": "text/html"}, follow_redirects=False)
        assert answer.headers["location"] == "/login?next=/app"
