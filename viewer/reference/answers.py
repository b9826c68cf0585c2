"""What operations answer: bodies, headers and where to go from there, as OpenAPI has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from viewer.reference.errors import Refusal
from viewer.reference.schemas import Schema, ref

JSON, PROBLEM, HTML, MARKDOWN, PNG = (
    "application/json",
    "application/problem+json",
    "text/html",
    "text/markdown",
    "image/png",
)
QUOTA_HEADERS = ("RateLimit", "RateLimit-Policy")
RETRY_LATER = (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of one status. `needs`: headers that it always has; `may`: those that it may have."""

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    links: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The Response Object."""
        headers = {name: _header(name, is_required=True) for name in self.needs}
        headers |= {name: _header(name, is_required=False) for name in self.may}
        told: dict[str, Any] = {"description": self.description}
        if headers:
            told["headers"] = headers
        if self.content:
            told["content"] = {name: {"schema": schema} for name, schema in self.content.items()}
        if self.links:
            told["links"] = self.links
        return told


def refused(
    found: Mapping[int, Refusal], statuses: Iterable[int], *media_types: str, may: tuple[str, ...] = ()
) -> dict[int, Answer]:
    """The refusals of these statuses, as far as the service has them; in problem+json unless told otherwise."""
    return {
        status: Answer(
            f"{' / '.join(found[status].titles)}. {found[status].advice}",
            {name: ref("Problem") if name == PROBLEM else _TEXT for name in media_types or (PROBLEM,)},
            _NEEDED_BY_STATUS.get(status, ()),
            may + _MAY_BY_STATUS.get(status, ()),
        )
        for status in statuses
        if status in found
    }


def link(operation: str, description: str, **parameters: str) -> dict[str, Any]:
    """A Link Object to an operation whose parameters are found in this answer or its request."""
    return {"operationId": operation, "description": description, "parameters": parameters}


_TEXT: Schema = {"type": "string"}
_NEEDED_BY_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_MAY_BY_STATUS = {404: ("Retry-After",), 415: ("Accept-Encoding",)}
_HEADERS: Mapping[str, tuple[str, Schema]] = {
    "RateLimit": (
        "Requests that are left (`r`), and seconds until there are more (`t`).",
        {"type": "string", "examples": ['"hour";r=99;t=3600']},
    ),
    "RateLimit-Policy": (
        "Accepted requests of a key (`q`) in any stretch of so many seconds (`w`).",
        {"type": "string", "examples": ['"hour";q=100;w=3600']},
    ),
    "Retry-After": ("Whole seconds; sleeping so long is enough.", {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": ("What to authenticate with.", _TEXT),
    "Accept-Encoding": ("The encodings that are understood.", _TEXT),
    "ETag": ("Of this edition of the trace; send it as If-None-Match.", _TEXT),
    "Cache-Control": ("Caches ask each time, so that a deletion is seen at once.", _TEXT),
    "Vary": ("The same address has several forms.", _TEXT),
    "Content-Disposition": ("With `download`: the name of the file.", _TEXT),
    "Refresh": ("Where something is on its way: seconds after which a browser looks again.", _TEXT),
    "X-Tracen-Url": ("Where the trace is shown, if the request has one trace.", _TEXT),
    "Access-Control-Allow-Origin": ("Pages of any origin may read it.", _TEXT),
}


def headers() -> dict[str, Any]:
    """What `components` holds."""
    return {
        f"{name}{'' if is_required else '-Optional'}": {
            "description": description,
            "required": is_required,
            "schema": schema,
        }
        for name, (description, schema) in _HEADERS.items()
        for is_required in (True, False)
    }


def _header(name: str, *, is_required: bool) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}{'' if is_required else '-Optional'}"}
