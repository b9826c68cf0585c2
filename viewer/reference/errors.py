"""What is refused and when, in words: every status with its titles, as the code has them, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from tracen_otel.payload import MAX_DEPTH
from viewer.bodies import ACCEPT_ENCODING
from viewer.limits import plans_of
from viewer.problems import titles_by_status
from viewer.reading import DELETED, EXPIRED, WITHDRAWN
from viewer.settings import MIB, Settings

_TITLES_BESIDE = {404: ("No such trace", "Nothing yet"), 410: (DELETED[0], WITHDRAWN[0], EXPIRED[0])}
"""What no exception stands for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One status: the titles that its answers have, and what whoever is refused can do."""

    status: int
    titles: tuple[str, ...]
    advice: str


def refusals(settings: Settings) -> dict[int, Refusal]:
    """Those that the service has, by status and in its order."""
    titles = titles_by_status()
    for status, beside in _TITLES_BESIDE.items():
        titles[status] = (*titles.get(status, ()), *beside)
    advice = _advice_by_status(settings)
    return {status: Refusal(status, titles[status], advice[status]) for status in sorted(titles)}


def _advice_by_status(settings: Settings) -> dict[int, str]:
    """Also of what the service may be set up to answer."""
    return {
        400: f"Send JSON in UTF-8, nested at most {MAX_DEPTH} deep; compressed, a whole and undamaged stream.",
        401: "Send a key that is whole and was not revoked, as X-Tracen-Key or as Authorization: Bearer.",
        402: "Subscribe where the answer says, then send the same again.",
        403: "The key is not made for this: take one whose scope has it.",
        404: "Look at the id. Where the run has begun and nothing of it has come, ask again after Retry-After.",
        410: "Nothing: its owner deleted it for good, withdrew the link, or shared it for a time that is over.",
        413: f"Send less: {size_in_words(settings.max_body_bytes)} at most, counted after decompression.",
        415: f"Content-Type: application/json. Content-Encoding: {ACCEPT_ENCODING}, or none.",
        422: "Mend the fields that “errors” names, all of them at once. A new body needs a new Idempotency-Key.",
        429: "Wait as many seconds as Retry-After says, no longer: then it is accepted.",
        503: "Send the same again after Retry-After seconds. The first was not done.",
    }


def limits_in_words(settings: Settings) -> str:
    """100, or 100 (free), 1,000 (pro)."""
    told = plans_of(settings.plans, settings.requests_per_hour).limit_by_name.items()
    return ", ".join(f"{limit.count:,} ({name})" if name else f"{limit.count:,}" for name, limit in told)


def size_in_words(size: int) -> str:
    """5 MiB, or bytes where it is no round number of them."""
    return f"{size // MIB} MiB" if size % MIB == 0 else f"{size:,} bytes"
