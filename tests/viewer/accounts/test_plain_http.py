"""Somebody opens an https server over http: told where it is, before a log-in that no browser would keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.viewer.accounts.portal import HOST, URL, Portal, opened_portal


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with opened_portal(tmp_path) as portal:
        yield portal


@pytest.mark.parametrize("path", ["/login", "/signup", "/login?next=/app/traces"])
def test_gate_over_http_leads_to_https(portal: Portal, path: str) -> None:
    """With a link to the same page, and no form that would lead in a circle."""
    answer = TestClient(portal.app, f"http://{HOST}").get(path)
    assert answer.status_code == 403
    assert f"This server is at {URL}: log in there." in answer.text
    assert f'href="{URL}{path}"' in answer.text
    assert "<form" not in answer.text


@pytest.mark.parametrize("headers", [{"x-forwarded-proto": "https"}, {"sec-fetch-site": "none"}])
def test_proxy_that_ends_tls_is_not_mistaken(portal: Portal, headers: dict[str, str]) -> None:
    """It says so itself, or the browser sends what it sends to https alone."""
    answer = TestClient(portal.app, f"http://{HOST}").get("/login", headers=headers)
    assert answer.status_code == 200
    assert "<form" in answer.text
