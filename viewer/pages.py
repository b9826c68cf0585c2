"""Pages: values in, HTML out. Knows no store, no request and no clock.

Every expression of a template passes through `legible`, and is escaped; so is what fills a piece (pieces.py).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from viewer.accounts import contexts as accounts
from viewer.accounts.key_contexts import KeysPage, StartPage
from viewer.contexts import (
    ComparePage,
    EmbedPage,
    MessagePage,
    RowsPage,
    StepPage,
    TracePage,
    WaitingPage,
)
from viewer.front.contexts import HomePage
from viewer.legible import legible, one_line
from viewer.my_traces.contexts import DeletionPage, MyTracesPage
from viewer.reference.contexts import DocsPage
from viewer.sharing.contexts import SharingPage
from viewer.subscriptions.contexts import SubscriptionPage

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"

TEMPLATE_BY_CONTEXT = {
    TracePage: "trace.html",
    StepPage: "step.html",
    RowsPage: "rows.html",
    EmbedPage: "embed.html",
    ComparePage: "compare.html",
    WaitingPage: "waiting.html",
    MessagePage: "message.html",
    HomePage: "home.html",
    accounts.SignUpPage: "sign_up.html",
    accounts.LogInPage: "log_in.html",
    accounts.LinkPage: "log_in_link.html",
    accounts.AccountPage: "account.html",
    accounts.ClosePage: "close_account.html",
    KeysPage: "keys.html",
    StartPage: "start.html",
    SubscriptionPage: "subscription.html",
    DocsPage: "docs.html",
    SharingPage: "sharing.html",
    MyTracesPage: "my_traces.html",
    DeletionPage: "my_traces_deletion.html",
}

MAX_TITLE = 120


def _look() -> str:
    digest = hashlib.sha256(version("tracen-otel").encode())
    for path in sorted((*STATIC.iterdir(), *TEMPLATES.iterdir())):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


LOOK = _look()
"""Another one for each release: what a browser keeps of an older one is asked for anew."""
_SCRIPTS = ("timeline.js", "keys.js", "page.js", "copy.js")


def _static_url(name: str) -> str:
    """The URL of a static file, which changes with its content: browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=legible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["script_urls"] = tuple(map(_static_url, _SCRIPTS))
    environment.globals["static_url"] = cache(_static_url)
    environment.globals["waiting_url"] = _static_url("waiting.js")
    environment.globals["css_url"] = _static_url("tracen.css")
    environment.globals["icon_url"] = _static_url("favicon.svg")
    return environment


ENVIRONMENT = _environment()
_TEMPLATES = {context: ENVIRONMENT.get_template(name) for context, name in TEMPLATE_BY_CONTEXT.items()}


def render(page: Any) -> str:
    """Fill the template of a context."""
    return _TEMPLATES[type(page)].render(page=page)


def render_message(status: int, title: str, detail: str) -> str:
    """Render a page that says why there is no other: 404, 410, 500, 503."""
    return render(MessagePage(title=one_line(title, MAX_TITLE), status=status, detail=detail))
