"""What is sent to delete traces: which ones, whether it was asked, and where to go back to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from viewer.accounts.fields import posted_pairs
from viewer.my_traces.filters import Filters, parse

MAX_AT_ONCE = 200
_MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 1_000
_MAX_ID = 64


class TooManySelected(ValueError):
    """More than are deleted at once; the message says how many may be."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was selected. `is_confirmed`: whoever selected it was asked."""

    ids: tuple[str, ...]
    is_confirmed: bool
    filters: Filters
    """The list where it was selected."""


async def deletion_of(request: Request) -> Deletion:
    """Read the form. Raises TooManySelected, and HTTPException as `posted_pairs`."""
    fields = await posted_pairs(request, _MAX_FORM_BYTES, _MAX_FIELDS)
    ids = tuple(dict.fromkeys(value[:_MAX_ID] for name, value in fields if name == "id"))
    if len(ids) > MAX_AT_ONCE:
        raise TooManySelected(f"{len(ids)} traces were selected; at most {MAX_AT_ONCE} are deleted at once.")
    told = dict(fields)
    filters, _ = parse(dict(parse_qsl(told.get("list", ""))))
    return Deletion(ids, told.get("confirmed") == "1", filters)
