"""What a form of ours sends: few short fields, URL-encoded. Anything else is refused before it is understood."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from viewer.bodies import (
    BodyTooLarge,
    BrokenEncoding,
    UnsupportedEncoding,
    drained,
    media_type_of,
    read_body,
    stream_of,
)

MAX_BYTES = 16 * 1024
MAX_FIELDS = 20
FORM = "application/x-www-form-urlencoded"


async def posted_fields(
    request: Request, max_bytes: int = MAX_BYTES, max_fields: int = MAX_FIELDS
) -> Mapping[str, str]:
    """Return the fields of a form; of one that comes twice the last. Raises HTTPException: 400, 413, 415."""
    pairs = await posted_pairs(request, max_bytes, max_fields)
    return dict(pairs)


async def posted_pairs(request: Request, max_bytes: int, max_fields: int) -> list[tuple[str, str]]:
    """Return name and value of each field, in order. Raises HTTPException: 400, 413, 415."""
    try:
        if media_type_of(request.headers.get("content-type")) != FORM:
            raise UnsupportedEncoding
        body = await _body(request, max_bytes)
        text = body.decode("ascii")  # browsers write all else as %XX
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=max_fields)
    except BodyTooLarge:
        status = 413
    except UnsupportedEncoding:
        status = 415
    except (BrokenEncoding, ClientDisconnect, ValueError):  # UnicodeError included
        status = 400
    answer = await drained(request, Response())  # else the sender never reads why
    raise HTTPException(status, headers={k: v for k, v in answer.headers.items() if k == "connection"})


async def _body(request: Request, max_bytes: int) -> bytes:
    headers = request.headers
    return await read_body(
        stream_of(request), headers.get("content-length"), headers.get("content-encoding"), max_bytes
    )


def local_path(text: str, otherwise: str) -> str:
    """A path of this server to lead somebody to, or `otherwise` where the text could lead elsewhere."""
    is_ours = (
        text.startswith("/")
        and not text.startswith("//")
        and len(text) <= 2_000
        and text.isascii()
        and text.isprintable()
        and not set(text) & {"\\", " "}
    )
    return text if is_ours else otherwise
