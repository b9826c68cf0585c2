"""Answers to what people do with accounts: nobody keeps them, and their forms tell where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from viewer import pages
from viewer.accounts.frame import NO_STORE
from viewer.contexts import Link

HOME = "/app/traces"
"""Where somebody goes who has logged in."""


def page_answer(page: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A page, by its context."""
    return HTMLResponse(pages.render(page), status, {**NO_STORE, **(headers or {})})


def message_answer(
    status: int, title: str, detail: str, links: tuple[Link, ...] = (pages.LOG_IN, pages.HOME)
) -> Response:
    """A page that says one thing, and where to go from it."""
    return HTMLResponse(pages.render_message(status, title, detail, links), status, NO_STORE)


def led_to(path: str) -> Response:
    """Lead a browser on after it has posted."""
    return RedirectResponse(path, 303, NO_STORE)


def waited(retry_after_s: int) -> str:
    """What somebody is told who has tried too often."""
    return f"Too many attempts. Try again in {retry_after_s} s."
