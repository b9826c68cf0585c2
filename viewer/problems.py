"""Refusals of the HTTP API as problem+json (RFC 9457), each made in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

from tracen_otel.payload import FieldError, InvalidPayload, MalformedPayload
from viewer.bodies import ACCEPT_ENCODING, BodyTooLarge, BrokenEncoding, UnsupportedEncoding
from viewer.keys import CHALLENGE, ScopeMissing, Unauthenticated
from viewer.limits import TooManyGuesses
from viewer.listing import InvalidQuery
from viewer.store.base import IdempotencyConflict, LimitReached, ReservationsUsedUp, StoreUnavailable
from viewer.subscriptions.required import SubscriptionMissing


class UnsupportedMediaType(ValueError):
    """The Content-Type is not one that is read here."""


_STATUS_AND_TITLE_BY_ERROR: Mapping[type[Exception], tuple[int, str]] = {
    Unauthenticated: (401, "Not authenticated"),
    SubscriptionMissing: (402, "No subscription"),
    ScopeMissing: (403, "Not for this key"),
    MalformedPayload: (400, "Not a JSON payload"),
    BrokenEncoding: (400, "Damaged body"),
    InvalidPayload: (422, "Wrong fields"),
    InvalidQuery: (422, "Wrong query"),
    IdempotencyConflict: (422, "Idempotency-Key used twice"),
    BodyTooLarge: (413, "Body too large"),
    UnsupportedMediaType: (415, "Unsupported content type"),
    UnsupportedEncoding: (415, "Unsupported content encoding"),
    LimitReached: (429, "Too many requests"),
    ReservationsUsedUp: (429, "Too many pages that wait"),
    TooManyGuesses: (429, "Too many failed attempts"),
    StoreUnavailable: (503, "Not possible right now"),
}
REFUSALS = tuple(_STATUS_AND_TITLE_BY_ERROR)


def refusal(error: Exception) -> JSONResponse:
    """The answer for one of REFUSALS, with the headers that its status calls for."""
    status, title = _STATUS_AND_TITLE_BY_ERROR[type(error)]
    errors = error.errors if isinstance(error, InvalidPayload) else ()
    detail = str(error)
    if isinstance(error, InvalidPayload):
        detail = (
            "These fields are wrong or missing." if error.is_complete else "These fields are wrong, and more."
        )
    more = {"subscribe_url": error.subscribe_url} if isinstance(error, SubscriptionMissing) else {}
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = CHALLENGE
    if isinstance(error, UnsupportedEncoding):
        headers["accept-encoding"] = ACCEPT_ENCODING
    if isinstance(error, LimitReached):
        used, wait_s = error.quota.limit.count, error.quota.reset_s
        detail = f"This key has used its {used} requests; the next one is accepted in {wait_s} s."
    if isinstance(error, ReservationsUsedUp):
        detail = (
            f"{error.limit.count:,} pages of this account wait for something of their traces to arrive, which is "
            f"as many as may; another one is made when that comes, or in {error.retry_after_s} s. "
            "What is sent without asking first gets its page all the same."
        )
    if isinstance(error, StoreUnavailable):
        detail = "The store is busy or full; this was not done, try again."
    return problem(status, title, detail, errors, headers, _retry_after_s(error), more)


def _retry_after_s(error: Exception) -> int | None:
    if isinstance(error, LimitReached):
        return error.quota.reset_s
    if isinstance(error, ReservationsUsedUp | TooManyGuesses | StoreUnavailable):
        return error.retry_after_s
    return None


def problem(
    status: int,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    retry_after_s: int | None = None,
    more: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An `application/problem+json` answer; `errors` lists every wrong field, `retry_after` is the header's number.

    `more` are members beside the usual.
    """
    content: dict[str, Any] = {"title": title, "status": status, "detail": detail, **(more or {})}
    if retry_after_s is not None:
        content["retry_after"] = retry_after_s
        headers = {**(headers or {}), "retry-after": str(retry_after_s)}
    if errors:
        content["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def titles_by_status() -> dict[int, tuple[str, ...]]:
    """The titles that refusals of each status have, for the reference."""
    titles: dict[int, tuple[str, ...]] = {}
    for status, title in _STATUS_AND_TITLE_BY_ERROR.values():
        titles[status] = (*titles.get(status, ()), title)
    return dict(sorted(titles.items()))
