"""`/docs`: the definitions that the code follows, as a page for people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS, Field
from viewer.accounts.frame import Frame
from viewer.contexts import Link
from viewer.limits import plans_of
from viewer.reference import examples
from viewer.reference.contexts import DocsPage, Entry, FieldRow, Paste, RefusalRow, RequestRow, Way, WayGroup
from viewer.reference.errors import limits_in_words, refusals, size_in_words
from viewer.reference.operation import WITH_A_KEY
from viewer.reference.operations import operations
from viewer.reference.setups import GROUPS
from viewer.reference.snippets import PLACEHOLDER, SNIPPETS, Snippet
from viewer.settings import Settings
from viewer.store.base import RESERVATIONS, Limit

_SECTIONS = {
    "start": "Getting started",
    "first-call": "First call",
    "response": "Response",
    "payload": "Payload reference",
    "extension": "The extension",
    "limits": "Rate limiting and errors",
}
_SETUPS = Link("#setups", "SDKs and frameworks")


def docs_page(settings: Settings, at: datetime, frame: Frame | None = None) -> DocsPage:
    """What the page says of a server with these settings; the first run of a reader begins `at`.

    `frame`: of somebody who has logged in.
    """
    ways = tuple(_way(snippet, settings.base_url, at) for snippet in SNIPPETS)
    extension = tuple(_fields(documented=False))
    plans = plans_of(settings.plans, settings.requests_per_hour)
    return DocsPage(
        title="Tracen reference",
        description="How to share what an agent did: first call, payload, limits and errors.",
        links=tuple(_links(settings)),
        frame=frame,
        sign_up=settings.sign_up_mode,
        base_url=settings.base_url,
        placeholder=PLACEHOLDER,
        contents=tuple(_contents(ways)),
        ways=ways,
        setups=tuple(_setups(settings.base_url, at)),
        answer=_json("answer", "200 OK", examples.accepted(settings.base_url)),
        requests=tuple(_requests(settings)),
        max_body=size_in_words(settings.max_body_bytes),
        fields=tuple(_fields(documented=True)),
        extension=extension,
        extension_size=f"{len(extension)} fields",
        extended=Paste("extended", "Payload", _unfolded(examples.extended_payload(at))),
        limit=limits_in_words(settings),
        has_plans=len(plans.limit_by_name) > 1,
        reservations=f"{RESERVATIONS.count:,}",
        limited=Paste("limited", "429 Too Many Requests", _limited(plans.limit_of(plans.first))),
        refused=_json("refused", "422 Unprocessable Content", examples.refused()),
        refusals=tuple(_refusals(settings)),
    )


def _links(settings: Settings) -> Iterable[Link]:
    yield Link("/openapi.json", "OpenAPI")
    yield Link("/login", "Log in")
    if settings.sign_up_mode == "open":
        yield Link("/signup", "Sign up")


def _contents(ways: Iterable[Way]) -> Iterable[Entry]:
    for section, title in _SECTIONS.items():
        inner = (*(Link(f"#{way.id}", way.title) for way in ways), _SETUPS) if section == "first-call" else ()
        yield Entry(Link(f"#{section}", title), inner)


def _way(snippet: Snippet, base_url: str, at: datetime) -> Way:
    return Way(snippet.name, snippet.title, snippet.note, snippet.paste(base_url, PLACEHOLDER, at))


def _setups(base_url: str, at: datetime) -> Iterable[WayGroup]:
    for group in GROUPS:
        yield WayGroup(group.title, tuple(_way(snippet, base_url, at) for snippet in group.snippets))


def _requests(settings: Settings) -> Iterable[RequestRow]:
    for operation in operations(settings):
        asked = tuple(one["name"] for one in operation.parameters if one["in"] == "query")
        takes_key = operation.tag == WITH_A_KEY
        yield RequestRow(operation.method, operation.path, operation.summary, takes_key, asked)


def _fields(*, documented: bool) -> Iterable[FieldRow]:
    for prefix, fields in (("", TRACE_FIELDS), ("steps[].", STEP_FIELDS)):
        yield from (_field(prefix, field) for field in fields if field.documented is documented)


def _field(prefix: str, field: Field) -> FieldRow:
    told = field.help.replace("`", "")  # Markdown, for the README
    return FieldRow(prefix + field.name, field.check(object()) or "", told, field.required)


def _refusals(settings: Settings) -> Iterable[RefusalRow]:
    for refusal in refusals(settings).values():
        yield RefusalRow(refusal.status, " · ".join(refusal.titles), refusal.advice)


def _json(id: str, caption: str, value: Any) -> Paste:
    return Paste(id, caption, json.dumps(value, ensure_ascii=False, indent=2))


def _limited(limit: Limit) -> str:
    """Headers of an answer to somebody who used up what there is half an hour ago."""
    wait_s = limit.window_s // 2
    return "\n".join(
        (
            f'RateLimit-Policy: "hour";q={limit.count};w={limit.window_s}',
            f'RateLimit: "hour";r=0;t={wait_s}',
            f"Retry-After: {wait_s}",
        )
    )


def _unfolded(payload: dict[str, Any]) -> str:
    """JSON in which what fits stands in a line, as people write it."""
    return _written(payload, "")


def _written(value: Any, indent: str) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent + line) <= 80:
        return line
    inner = indent + "  "
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + _written(item, inner) for item in value) + f"\n{indent}]"
    pairs = (f"{inner}{json.dumps(name)}: {_written(item, inner)}" for name, item in value.items())
    return "{\n" + ",\n".join(pairs) + f"\n{indent}}}"
