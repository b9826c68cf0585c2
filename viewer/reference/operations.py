"""Every operation of the API, once: what it takes and what it answers. `/openapi.json` and `/docs` are made of this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from viewer.api import MAX_IDEMPOTENCY_KEY
from viewer.forms.markdown import DEFAULT_MAX_CHARS, MAX_MAX_CHARS, MIN_MAX_CHARS
from viewer.listing import DEFAULT_LIMIT, MAX_LIMIT
from viewer.reference import examples
from viewer.reference.answers import (
    HTML,
    JSON,
    MARKDOWN,
    PNG,
    PROBLEM,
    QUOTA_HEADERS,
    Answer,
    link,
    refused,
)
from viewer.reference.errors import limits_in_words, refusals
from viewer.reference.operation import HEALTH, PAGES, WITH_A_KEY, Operation
from viewer.reference.otlp import exports
from viewer.reference.schemas import CURSOR, OTEL_TRACE_ID, UUID, Schema, ref
from viewer.settings import Settings

_TEXT: Schema = {"type": "string"}
_BYTES: Schema = {"type": "string", "format": "binary"}
_PAGE_ID = {"page_id": "$response.body#/trace_id"}
_PAGE_LINKS = {
    "page": link("getTraceJson", "What the page shows, as data.", **_PAGE_ID),
    "delete": link("deleteTrace", "Delete it for good.", **_PAGE_ID),
    "embed": link("getOEmbed", "What other pages embed of it.", url="$response.body#/url"),
}
_ALWAYS_ASKED = ("ETag", "Cache-Control", "Vary")
_MADE_LATER = ("Cache-Control", "Vary", "Refresh")


def operations(settings: Settings) -> tuple[Operation, ...]:
    """All of them, in the order of the reference."""
    return (*_with_a_key(settings), *_pages(settings), *_health(settings))


# -- with a key ---------------------------------------------------------------------------------------


def _with_a_key(settings: Settings) -> tuple[Operation, ...]:
    return (
        _post(settings),
        _list(settings),
        _delete(settings),
        _reserve(settings),
        _find(settings),
        _requests(settings),
        *exports(settings),
    )


def _post(settings: Settings) -> Operation:
    accepted = Answer(
        "The run is kept, and shown at its URL.",
        {JSON: ref("Accepted")},
        QUOTA_HEADERS,
        links=_PAGE_LINKS,
    )
    return Operation(
        "POST",
        "/api/traces",
        "postTrace",
        "Share a run: the answer holds the URL of its page",
        WITH_A_KEY,
        {200: accepted} | _keyed(settings, 400, 402, 413, 415, 422),
        f"Accepted requests of a key in any rolling hour: {limits_in_words(settings)}. What is refused, and a request "
        "that is sent again with its Idempotency-Key, does not count. The body may be compressed (Content-Encoding).",
        (_header("Idempotency-Key", _IDEMPOTENCY_KEY, "The same key and body are answered the same page."),),
        {
            "required": True,
            "content": {
                JSON: {
                    "schema": ref("Payload"),
                    "examples": {
                        "documented": {"summary": "Documented fields", "value": examples.payload()},
                        "extended": {"summary": "With the extension", "value": examples.extended_payload()},
                    },
                }
            },
        },
    )


def _list(settings: Settings) -> Operation:
    following = link("listTraces", "The next page of the list.", cursor="$response.body#/next")
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return Operation(
        "GET",
        "/api/traces",
        "listTraces",
        "List the account’s traces, newest first",
        WITH_A_KEY,
        {
            200: Answer(
                "The traces, and the cursor that goes on; null at the end.",
                {JSON: ref("Traces")},
                may=QUOTA_HEADERS,
                links={"next": following},
            )
        }
        | _keyed(settings, 422),
        parameters=(
            _query("limit", limit, "How many at most."),
            _query("cursor", CURSOR, "`next` of an earlier answer."),
        ),
    )


def _delete(settings: Settings) -> Operation:
    return Operation(
        "DELETE",
        "/api/traces/{page_id}",
        "deleteTrace",
        "Delete a trace for good, with a key that may write and read: its bytes are overwritten, its page answers 410",
        WITH_A_KEY,
        {204: Answer("It is deleted, or was already.", may=QUOTA_HEADERS)} | _keyed(settings, 404),
        "A key with one of the scopes `write` and `read` alone is answered 403.",
        (_page_id(),),
    )


def _reserve(settings: Settings) -> Operation:
    found = link("findTrace", "The same, without reserving.", otel_trace_id="$request.path.otel_trace_id")
    answer = Answer(
        "The page that the trace has, or will have.",
        {JSON: ref("Accepted")},
        may=QUOTA_HEADERS,
        links=_PAGE_LINKS | {"found": found},
    )
    return Operation(
        "PUT",
        "/api/traces/by-otel/{otel_trace_id}",
        "reserveTrace",
        "Ask for the URL of a trace before anything of it has come",
        WITH_A_KEY,
        {200: answer} | _keyed(settings, 404, 410),
        "As often as you like, the same. Does not count against the requests of the key; a page to which nothing comes "
        "within a day is given up.",
        (_path("otel_trace_id", OTEL_TRACE_ID, examples.EXAMPLE_OTEL_TRACE),),
    )


def _find(settings: Settings) -> Operation:
    answer = Answer("The page of the trace.", {JSON: ref("Accepted")}, may=QUOTA_HEADERS, links=_PAGE_LINKS)
    return Operation(
        "GET",
        "/api/traces/by-otel/{otel_trace_id}",
        "findTrace",
        "Find the URL of a trace that came over OTLP",
        WITH_A_KEY,
        {200: answer} | _keyed(settings, 404, 410),
        parameters=(_path("otel_trace_id", OTEL_TRACE_ID, examples.EXAMPLE_OTEL_TRACE),),
    )


def _requests(settings: Settings) -> Operation:
    return Operation(
        "GET",
        "/api/requests",
        "listRequests",
        "Tell what became of the last requests of the key, and which traces came: look here when nothing appears",
        WITH_A_KEY,
        {200: Answer("Newest first.", {JSON: ref("Requests")}, may=QUOTA_HEADERS)} | _keyed(settings),
    )


def _keyed(settings: Settings, *statuses: int) -> dict[int, Answer]:
    """What every operation with a key may be refused with, and these."""
    told = sorted({*statuses, 401, 403, 429, 503})
    return refused(refusals(settings), told, may=QUOTA_HEADERS)


# -- the forms of a page ------------------------------------------------------------------------------


def _pages(settings: Settings) -> tuple[Operation, ...]:
    max_chars = {
        "type": "integer",
        "minimum": MIN_MAX_CHARS,
        "maximum": MAX_MAX_CHARS,
        "default": DEFAULT_MAX_CHARS,
    }
    return (
        _page(settings),
        _form(settings, ".json", "Json", "The extended payload", {JSON: ref("Payload")}),
        _form(
            settings,
            ".md",
            "Markdown",
            "Markdown, for a chat or a model",
            {MARKDOWN: _TEXT},
            _query("max_chars", max_chars, "How long it may be."),
        ),
        _form(settings, ".otlp.json", "Otlp", "The spans as they came, as OTLP/JSON", {JSON: _OTLP}),
        _form(settings, ".perfetto.json", "Perfetto", "Trace events for ui.perfetto.dev", {JSON: _PERFETTO}),
        _form(settings, "/og.png", "Preview", "The preview image", {PNG: _BYTES}),
        _embed(settings),
        _oembed(settings),
    )


def _page(settings: Settings) -> Operation:
    answer = Answer(
        "The page, or the form that Accept asks for.",
        {HTML: _TEXT, JSON: ref("Payload"), MARKDOWN: _TEXT},
        may=_ALWAYS_ASKED,
    )
    return Operation(
        "GET",
        "/traces/{page_id}",
        "getTrace",
        "The page of a run, for people; with Accept: application/json or text/markdown its data",
        PAGES,
        {200: answer, 304: _UNCHANGED} | _unshown(settings, HTML, PROBLEM),
        parameters=(
            _page_id(),
            _if_none_match(),
            _query("step", _TEXT, "The number of a step to unfold."),
            _query("from", _TEXT, "The number of the step to begin with."),
            _query("zoom", _TEXT, "A stretch of time in microseconds, `from-to`."),
            _query("q", _TEXT, "What to search for."),
            _query("all", _TEXT, "1: nothing is folded away."),
            _query("text", _TEXT, "markdown: texts are rendered."),
        ),
    )


def _form(
    settings: Settings,
    suffix: str,
    name: str,
    summary: str,
    content: Mapping[str, Schema],
    *parameters: Mapping[str, Any],
) -> Operation:
    is_data = suffix != "/og.png"
    downloads = (_query("download", _TEXT, "Answer it as a file to keep."),) if is_data else ()
    may = (*_ALWAYS_ASKED, "Content-Disposition") if is_data else _ALWAYS_ASKED
    return Operation(
        "GET",
        f"/traces/{{page_id}}{suffix}",
        f"getTrace{name}",
        summary,
        PAGES,
        {200: Answer(summary, content, may=may), 304: _UNCHANGED} | _unshown(settings, PROBLEM, HTML),
        parameters=(_page_id(), _if_none_match(), *parameters, *downloads),
        may_take_key=is_data,
    )


def _embed(settings: Settings) -> Operation:
    return Operation(
        "GET",
        "/embed/{page_id}",
        "getEmbed",
        "A card of the run that other pages may frame",
        PAGES,
        {200: Answer("The card.", {HTML: _TEXT}, may=(*_ALWAYS_ASKED, "Refresh")), 304: _UNCHANGED}
        | _unshown(settings, HTML, PROBLEM),
        parameters=(_page_id(), _if_none_match()),
    )


def _oembed(settings: Settings) -> Operation:
    side = "in pixels; what is no number counts for nothing"
    return Operation(
        "GET",
        "/oembed",
        "getOEmbed",
        "The card, as oEmbed describes it",
        PAGES,
        {
            200: Answer("The card.", {JSON: ref("OEmbed")}, may=("Access-Control-Allow-Origin",)),
            501: Answer("Another format was asked for.", {PROBLEM: ref("Problem")}),
        }
        | _unshown(settings, PROBLEM),
        parameters=(
            _query("url", {**_TEXT, "format": "uri"}, "The URL of a page of this server.", is_required=True),
            _query("maxwidth", _TEXT, f"The width there is, {side}."),
            _query("maxheight", _TEXT, f"The height there is, {side}."),
            _query("format", {"enum": ["json"]}, "The one form that there is."),
        ),
    )


def _unshown(settings: Settings, *media_types: str) -> dict[int, Answer]:
    """Why there is no page to read: in words for people or in problem+json, as the address and Accept say."""
    content = {name: ref("Problem") if name == PROBLEM else _TEXT for name in media_types}
    wrong = Answer("A parameter is wrong, or the Host header is none of this server’s names.", content)
    return {400: wrong} | refused(refusals(settings), (404, 410, 503), *media_types, may=_MADE_LATER)


# -- health -------------------------------------------------------------------------------------------


def _health(settings: Settings) -> tuple[Operation, ...]:
    well = Answer("It is well.", {JSON: ref("Health")})
    return (
        Operation("GET", "/healthz", "getLiveness", "Whether the process answers", HEALTH, {200: well}),
        Operation(
            "GET",
            "/readyz",
            "getReadiness",
            "Whether something can be kept: a real write",
            HEALTH,
            {200: well} | refused(refusals(settings), (503,)),
        ),
    )


# -- parameters ---------------------------------------------------------------------------------------

_IDEMPOTENCY_KEY: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY}
_OTLP: Schema = {
    "type": "object",
    "properties": {"resourceSpans": {"type": "array", "items": {"type": "object"}}},
    "required": ["resourceSpans"],
}
_PERFETTO: Schema = {
    "type": "object",
    "properties": {"traceEvents": {"type": "array", "items": {"type": "object"}}},
    "required": ["traceEvents"],
}
_UNCHANGED = Answer("The reader has this edition already.", may=_ALWAYS_ASKED)


def _page_id() -> dict[str, Any]:
    return _path("page_id", UUID, examples.EXAMPLE_PAGE)


def _path(name: str, schema: Schema, example: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _query(name: str, schema: Schema, description: str, *, is_required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": is_required,
        "schema": schema,
        "description": description,
    }


def _header(name: str, schema: Schema, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": schema, "description": description}


def _if_none_match() -> dict[str, Any]:
    return _header("If-None-Match", _TEXT, "The ETag of an answer that is at hand.")
