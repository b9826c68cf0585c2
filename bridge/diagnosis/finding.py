"""What a check found, as a record; and how much of a key may be shown. Knows no check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from viewer.keys import PREFIX, hint_of

SAME = "the same"
"""What is found where a check has failed as the one before it."""


class Verdict(StrEnum):
    """How a check ended. SKIPPED: it could not be tried, for a reason that another check tells."""

    OK = "ok"
    WARNING = "warn"
    FAILURE = "fail"
    SKIPPED = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `repair` has a line for each thing to do, or to know; none of them holds a key.

    `about` is what was looked at: the environment, an address, this machine.
    """

    verdict: Verdict
    about: str
    check: str
    found: str
    repair: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Makes the findings about one thing."""

    about: str

    def ok(self, check: str, found: str, *repair: str) -> Finding:
        return Finding(Verdict.OK, self.about, check, found, repair)

    def warning(self, check: str, found: str, *repair: str) -> Finding:
        return Finding(Verdict.WARNING, self.about, check, found, repair)

    def failure(self, check: str, found: str, *repair: str) -> Finding:
        return Finding(Verdict.FAILURE, self.about, check, found, repair)

    def skipped(self, check: str, found: str) -> Finding:
        return Finding(Verdict.SKIPPED, self.about, check, found)


def hint(secret: str) -> str:
    """What is shown of a key, as on the page of keys; of what may be no key, nothing that it says."""
    is_long = secret.startswith(PREFIX) and len(secret) > len(PREFIX) + 20
    return (
        hint_of(secret)
        if is_long and secret.isascii() and secret.isprintable()
        else f"{len(secret)} characters"
    )


def place_of(url: str) -> str:
    """Host and port of a URL, as a person names a place."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]:{port_of(url)}" if ":" in host else f"{host}:{port_of(url)}"


def port_of(url: str) -> int:
    """The port of a URL that was checked."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL that a server told; "" where it is none that can be asked."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    plain = url.isascii() and url.isprintable() and "@" not in parts.netloc
    return f"{parts.scheme}://{parts.netloc}" if is_usable and plain else ""
