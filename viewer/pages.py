"""Pages: values in, HTML out. Knows no store, no request and no clock.

Every expression of a template passes through `legible`, and is escaped; so is what fills a piece (pieces.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tracen_otel.model import Status, Trace
from viewer import summary, wording
from viewer.contexts import HomePage, MessagePage, Said, TracePage
from viewer.legible import clip, legible, one_line
from viewer.pieces import quoted
from viewer.provenance import numbers_by_id
from viewer.quotes import Quoter
from viewer.steps import timeline
from viewer.waterfall import arrange, axis_of

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"

TEMPLATE_BY_CONTEXT = {TracePage: "trace.html", MessagePage: "message.html", HomePage: "home.html"}

MAX_STEPS = 2_000
"""In one page, which is sent whole: more would be tens of megabytes that nobody scrolls through."""
MAX_NOTES = 20
_MAX_TITLE = 120


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
    environment.globals["css_url"] = _static_url("tracen.css")
    environment.globals["icon_url"] = _static_url("favicon.svg")
    return environment


ENVIRONMENT = _environment()
_TEMPLATES = {context: ENVIRONMENT.get_template(name) for context, name in TEMPLATE_BY_CONTEXT.items()}


def _render(page: Any) -> str:
    return _TEMPLATES[type(page)].render(page=page)


def render_trace(trace: Trace, *, page_url: str, json_url: str) -> str:
    """Render the public page of a trace."""
    return _render(_trace_page(trace, page_url, json_url))


def _trace_page(trace: Trace, page_url: str, json_url: str) -> TracePage:
    rows, axis, quoter = arrange(trace.steps), axis_of(trace), Quoter()
    heading = summary.heading(trace)
    is_failed = trace.status is Status.ERROR
    number_by_id = numbers_by_id(rows) if len(rows) > 1 else {}  # of one step everything comes

    def said(field: str, text: str | None) -> Said | None:
        number = number_by_id.get(trace.sources.get(field, ""), 0)
        return Said(quoted(quoter.text(text)), number) if text else None

    return TracePage(
        title=f"{one_line(heading, _MAX_TITLE)} · Tracen",
        description=summary.description(trace),
        page_url=page_url,
        json_url=json_url,
        heading=heading,
        is_failed=is_failed,
        status="Failed" if is_failed else "Succeeded",
        facts=summary.facts(trace, rows),
        failure=summary.failure(trace, rows, quoter),
        has_content=bool(trace.prompt or trace.response),
        has_model=summary.has_model(trace),
        system=said("system", trace.system),
        prompt=said("prompt", trace.prompt),
        response=said("response", trace.response),
        notes=tuple(map(clip, _notes(trace, len(rows)))),
        step_count=wording.plural(len(rows), "step"),
        shows_tokens=any(step.usage for step in trace.steps),
        ticks=axis.ticks(),
        steps=timeline(rows[:MAX_STEPS], axis, quoter),
    )


def _notes(trace: Trace, step_count: int) -> Iterable[str]:
    yield from trace.notes[:MAX_NOTES]
    if len(trace.notes) > MAX_NOTES:
        yield f"There are {len(trace.notes) - MAX_NOTES} more notes; the JSON has them all."
    if step_count > MAX_STEPS:
        yield (
            f"The timeline shows the first {wording.count(MAX_STEPS)} of {wording.count(step_count)} steps; "
            "the JSON has them all."
        )


def render_message(status: int, title: str, detail: str) -> str:
    """Render a page that says why there is no other: 404, 410, 500, 503."""
    return _render(MessagePage(title=one_line(title, _MAX_TITLE), status=status, detail=detail))


def render_home(*, base_url: str) -> str:
    """Render `/`: what Tracen is, and how to send the first trace to this server."""
    return _render(
        HomePage(
            title="Tracen: share what your agent did",
            description="Run an LLM agent, get a URL. Whoever opens it sees what happened.",
            base_url=base_url.rstrip("/"),
        )
    )
