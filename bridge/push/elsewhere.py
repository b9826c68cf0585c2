"""Traces from pages of other servers, as anybody may read them: no key goes along, and no redirect is followed."""

from __future__ import annotations

import re

from bridge.asking import Server, ServerError
from bridge.push.files import trace_in
from bridge.push.found import Found, Unusable
from tracen_otel import payload
from tracen_otel.redact import Redaction

MAX_BYTES = 256 * 1024 * 1024
"""Of one trace; what a server tells of one is no more."""
_PAGE = re.compile(
    r"(?P<start>https?://[^/?#]+(?:/[^?#]*)?)/traces/(?P<id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"(?:[./?#].*)?"
)
_WORDS_BY_STATUS = {
    404: "there is no such page there, or it is private",
    410: "this page was deleted, or is no longer shared",
}


def page_in(url: str) -> tuple[str, str] | None:
    """The start of a server's URLs, and the page id, in the URL of a page in whatever form; None where it is none."""
    found = _PAGE.fullmatch(url)
    return (found["start"], found["id"].lower()) if found else None


def read(url: str, redaction: Redaction) -> Found | Unusable:
    """The trace of a page."""
    page = page_in(url)
    if page is None:
        return Unusable(url, "expected the URL of a page, such as https://traces.example/traces/…")
    start, page_id = page
    try:
        body = _body(Server(start), f"/traces/{page_id}.json")
        return Found(url, trace_in(payload.parse(body), redaction))
    except ServerError as error:
        return Unusable(url, str(error))
    except payload.PayloadError:
        return Unusable(url, "what is there is no trace; is that a Tracen server?")


def _body(server: Server, path: str) -> bytes:
    """Raises ServerError."""
    answer = server.ask("GET", path, preload_content=False)
    try:
        if answer.status != 200:
            words = _WORDS_BY_STATUS.get(answer.status, f"the server answered {answer.status}")
            raise ServerError(words, answer.status)
        body = answer.read(MAX_BYTES + 1)
    except OSError:
        raise ServerError("the connection broke off") from None
    finally:
        answer.close()
    if len(body) > MAX_BYTES:
        raise ServerError(f"more than {MAX_BYTES >> 20} MiB, which no trace is")
    return body
