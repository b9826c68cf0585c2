"""What came of a run: which traces, told by the server that took them, once nothing more comes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from bridge.asking import ServerError
from bridge.running.place import Place
from bridge.tail import newest

_LOOK_S = 0.1
_QUIET_LOOKS = 3
"""So many that see the same are the end of it: exporters of a program that has ended are done."""
_MAX_LOOKS = 50
MAX_TOLD = 1_000
MAX_LOOKED_AT = 100
"""Where people read it: those that came last may have begun earlier, as many may come in one request."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """OTel ids of a run's traces, the newest first, and what became of the last requests with its key."""

    trace_ids: tuple[str, ...]
    requests: tuple[dict[str, Any], ...]


def settled(place: Place, *, goes_on: bool) -> Arrivals:
    """What came, once it is quiet, or after a few seconds. Raises ServerError.

    `goes_on`: there are processes left that may still send.
    """
    seen, quiet = _look(place), 0
    for _ in range(_MAX_LOOKS):
        if quiet >= _QUIET_LOOKS * (3 if goes_on else 1):
            break
        time.sleep(_LOOK_S)
        now = _look(place)
        quiet = quiet + 1 if now == seen else 0
        seen = now
    return seen


def _look(place: Place) -> Arrivals:
    told = place.server.get("/api/requests")
    new = tuple(trace_id for trace_id in map(str, told["traces"]) if trace_id not in place.before)
    return Arrivals(new, tuple(told["requests"]))


def told_traces(place: Place, arrivals: Arrivals, at_most: int) -> list[dict[str, Any]]:
    """The traces as `GET /api/traces` tells them, in the order in which they began. Raises ServerError.

    A key that may not read is told where they are, and no more.
    """
    wanted = arrivals.trace_ids[:at_most]
    try:
        found = _summaries(place, set(wanted))
    except ServerError as error:
        if error.status != 403:
            raise
        found = {}
    told = (found.get(trace_id) or _address(place, trace_id) for trace_id in reversed(wanted))
    return sorted(
        (trace for trace in told if trace is not None), key=lambda trace: trace.get("started_at") or ""
    )


def _summaries(place: Place, wanted: set[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    listed = newest(place.server, max(2 * len(wanted), 20), set())
    for trace in listed:
        if trace.get("otel_trace_id") in wanted:
            found[trace["otel_trace_id"]] = trace
    return found


def _address(place: Place, trace_id: str) -> dict[str, Any] | None:
    try:
        return {"otel_trace_id": trace_id} | place.server.get(f"/api/traces/by-otel/{trace_id}")
    except ServerError as error:
        if error.status in (404, 410):
            return None
        raise
