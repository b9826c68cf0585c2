"""What is shown of a page that was handed out ahead of its trace, until something of it comes."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tracen_otel.timestamps import format_timestamp
from viewer import pages, wording
from viewer.contexts import EmbedPage, WaitingPage
from viewer.legible import Draft
from viewer.preview.drawing import PreviewCard, draw
from viewer.problems import problem
from viewer.reading import NothingYet

TITLE = "The run has begun"
_NOTHING_YET = "Nothing of it has arrived yet."
_STATE, _STATUS = "live", "Waiting"
_AGAIN_S = 5
_FORMS = (".json", ".md")
_HEADERS = {"cache-control": "no-store", "vary": "accept"}


def page(waiting: NothingYet, base_url: str) -> Response:
    """The page for people: since when it waits. It opens anew when something has come."""
    path = f"/traces/{waiting.page.id}"
    page_url = base_url + path
    since_ns = waiting.since_ns
    html = pages.render(
        WaitingPage(
            title=f"{TITLE} · Tracen",
            description=f"{TITLE}. {_NOTHING_YET}",
            page_url=page_url,
            preview_url=f"{page_url}/og.png",
            oembed_url=f"{base_url}/oembed?{urlencode({'url': page_url})}",
            heading=TITLE,
            state=_STATE,
            status=_STATUS,
            events_url=f"{path}/events",
            version=waiting.version,
            refresh_s=_AGAIN_S,
            since=wording.moment(since_ns, "seconds"),
            since_iso=format_timestamp(since_ns),
        )
    )
    return HTMLResponse(html, headers=_HEADERS)


def embed(page_url: str) -> Response:
    """The card that other pages frame."""
    html = pages.render(
        EmbedPage(
            title=f"{TITLE} · Tracen",
            page_url=page_url,
            heading=TITLE,
            state=_STATE,
            status=_STATUS,
            facts=(),
            note=_NOTHING_YET,
            error="",
            prompt="",
            response="",
            minimap=Draft(""),
        )
    )
    return HTMLResponse(html, headers=_HEADERS | {"refresh": str(_AGAIN_S)})


def preview() -> Response:
    """The picture that stands for the page."""
    headers = _HEADERS | {"cross-origin-resource-policy": "cross-origin"}
    return Response(_picture(), media_type="image/png", headers=headers)


@cache
def _picture() -> bytes:
    """One for all pages that wait: whoever asks for it, however often, keeps nobody waiting."""
    return draw(PreviewCard(TITLE, False, (), _NOTHING_YET, (), 0, is_waiting=True))


async def refused(request: Request, error: Exception) -> Response:
    """Everything else that is made of a trace: there is none. 404, since whoever asks for data can use nothing less."""
    headers = _HEADERS | {"retry-after": str(_AGAIN_S)}
    is_for_people = "text/html" in request.headers.get("accept", "")
    if request.scope["path"].endswith(_FORMS) or not is_for_people:
        detail = f"{TITLE}. {_NOTHING_YET} Ask again in a few seconds."
        return problem(404, "Nothing yet", detail, headers=headers)
    detail = f"{TITLE}. {_NOTHING_YET} This page looks again by itself."
    html = pages.render_message(404, "Nothing yet", detail)
    return HTMLResponse(html, 404, headers | {"refresh": str(_AGAIN_S)})
