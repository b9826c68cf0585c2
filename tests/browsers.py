"""A real Chromium for tests: found on this machine, started without a profile of anybody's."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_APPS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
_FLAGS = [
    "--no-sandbox",  # the tests run as root on a bare machine too; the pages are our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WITHOUT_CLIPBOARD = """window.clipboard = navigator.clipboard;
Object.defineProperty(navigator, "clipboard", {value: undefined})"""
"""A page has no clipboard on http but on this machine; what a test reads is kept as `window.clipboard`."""


def find_chromium() -> str | None:
    """The Chromium to test with: TRACEN_CHROMIUM, else one on PATH, else a macOS application."""
    named = os.environ.get("TRACEN_CHROMIUM")
    if named:
        return named
    on_path = (shutil.which(name) for name in _NAMES)
    in_apps = (str(path) for path in _MAC_APPS if path.exists())
    return next((found for found in (*on_path, *in_apps) if found), None)


def require_chromium() -> str:
    """The Chromium to test with; where there is none the test is skipped, and in CI it fails."""
    found = find_chromium()
    if found:
        return found
    reason = f"needs a Chromium: none of {', '.join(_NAMES)} is on PATH; TRACEN_CHROMIUM can name one"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless Chromium for the length of a block, with a profile of its own that is thrown away."""
    require_chromium()
    with sync_playwright() as playwright, launched(playwright.chromium) as browser:
        yield browser


@contextlib.contextmanager
def launched(chromium: BrowserType, *flags: str) -> Iterator[Browser]:
    """One more, with flags of its own."""
    browser = chromium.launch(executable_path=require_chromium(), args=[*_FLAGS, *flags])
    try:
        yield browser
    finally:
        browser.close()
