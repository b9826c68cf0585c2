"""What `tracen open` shows: the page that is meant, under the address of the server that was asked.

Whatever a server answers, no address of it is taken over: what a browser is given begins as the caller said.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import webbrowser
from collections.abc import Iterator
from urllib.parse import urlsplit

from bridge.asking import Server, ServerError
from bridge.secrecy import shown

_PAGE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_OTEL_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


class NotThere(Exception):
    """What is meant can not be shown; the message says why and what would help."""


class Pages:
    """The pages of one server, as a browser reaches them at `base_url`."""

    def __init__(self, server: Server, base_url: str) -> None:
        self._server = server
        self._base_url = base_url.rstrip("/")

    def newest(self) -> str:
        """The page of the newest trace of the key's account. Raises NotThere, ServerError."""
        traces = self._server.get("/api/traces", limit="1").get("traces")
        if not traces:
            raise NotThere("this account has no trace yet; `tracen demo` makes some")
        return self._page(traces[0])

    def named(self, trace: str) -> str:
        """The page that a page id, an OTel trace id (which asks for the key) or a URL means.

        Raises NotThere, ServerError.
        """
        if "://" in trace:
            return self._of_url(trace)
        if _PAGE_ID.fullmatch(trace.lower()):
            self._check(trace.lower())
            return f"{self._base_url}/traces/{trace.lower()}"
        if _OTEL_TRACE_ID.fullmatch(trace):
            return self._of_otel(trace.lower())
        raise NotThere(
            f"expected a page id such as 0f8fad5b-d9cb-469f-a165-70867728950e, an OTel trace id (32 hex digits) or "
            f"a URL of {self._base_url}, got {shown(trace)!r}"
        )

    def _of_otel(self, otel_trace_id: str) -> str:
        try:
            return self._page(self._server.get(f"/api/traces/by-otel/{otel_trace_id}"))
        except ServerError as error:
            if error.status == 404:
                raise NotThere(f"nothing of trace {otel_trace_id} has come to this key's account") from None
            raise

    def _page(self, told: object) -> str:
        page_id = told.get("trace_id") if isinstance(told, dict) else None
        if not isinstance(page_id, str) or not _PAGE_ID.fullmatch(page_id):
            raise ServerError(f"{self._server.endpoint} did not answer as Tracen does")
        return f"{self._base_url}/traces/{page_id}"

    def _of_url(self, url: str) -> str:
        """The same place on this server. Raises NotThere for one of another."""
        if not (url.isascii() and url.isprintable()) or set(url) & set(" \"'<>\\`"):
            raise NotThere(f"expected a URL without spaces and quotes, got {shown(url)!r}")
        for start in (self._base_url, self._server.endpoint):
            if (url + "/").startswith(start + "/"):
                rest = url.removeprefix(start)
                if ".." not in urlsplit(rest).path:
                    return self._base_url + rest
        raise NotThere(f"{shown(url)} is not of {self._base_url}; give its start as --endpoint")

    def _check(self, page_id: str) -> None:
        """Raise NotThere for a page that is gone; a private one is for its owner's browser to see."""
        status = self._server.ask("HEAD", f"/traces/{page_id}").status
        if status == 410:
            raise NotThere(f"page {page_id} was deleted, or its link withdrawn")
        if status == 404 and not self._is_owners(page_id):
            raise NotThere(f"there is no page {page_id}, or it is private: then give its owner's key")

    def _is_owners(self, page_id: str) -> bool:
        return self._server.ask("HEAD", f"/traces/{page_id}.json").status == 200


# -- the browser ---------------------------------------------------------------------------------------


def show(url: str) -> str:
    """Open a URL in a browser; "" where one took it, else what keeps it from that."""
    if urlsplit(url).scheme not in ("http", "https"):
        return "this is no address of a page"
    if not _has_display():
        return "there is no display here"
    try:
        browser = webbrowser.get()
        if not os.environ.get("BROWSER") and type(browser) is webbrowser.GenericBrowser:
            return "there is none but for terminals"
        with _own_pipes():
            is_shown = browser.open(url)
    except (webbrowser.Error, OSError):
        return "there is none"
    return "" if is_shown else "it could not be started"


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


@contextlib.contextmanager
def _own_pipes() -> Iterator[None]:
    """Keep pipes from the browser, which would write to them and hold them for as long as it is open."""
    sys.stdout.flush()
    kept = {number: os.dup(number) for number in (1, 2) if not os.isatty(number)}
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in kept:
            os.dup2(nothing, number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nothing)
