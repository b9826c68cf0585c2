"""What was looked for in order to be sent: a trace, or why it is none. Knows no file, no store, no network."""

from __future__ import annotations

from dataclasses import dataclass

from tracen_otel.model import Trace


@dataclass(frozen=True, slots=True)
class Found:
    """A trace, as it may be sent. `where` tells people which: `runs.jsonl:3`, or an id."""

    where: str
    trace: Trace


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that is not sent, and why."""

    where: str
    reason: str
