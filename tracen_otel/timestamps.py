"""Time at the edge: ISO-8601 text ↔ integer nanoseconds since 1970. Never through a float."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_NS = 2**64 - 1
"""What OTLP's fixed64 holds: the year 2554."""


def parse_timestamp(text: str) -> int:
    """ISO-8601 → nanoseconds; without an offset it is UTC. 0, "not told", before 1970 and after 2554.

    Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return known_time((moment - _EPOCH) // _MICROSECOND * 1000)


def known_time(time_ns: int) -> int:
    """The time itself where OTLP can hold it, else 0: "not told"."""
    return time_ns if 0 <= time_ns <= _MAX_NS else 0


def format_timestamp(time_ns: int) -> str:
    """Nanoseconds → ISO-8601 UTC with milliseconds, rounded down: 2026-11-24T09:30:00.000Z."""
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def milliseconds(duration_ns: int | None) -> int | None:
    """Nanoseconds → whole milliseconds, rounded; None stays None, "not told"."""
    return None if duration_ns is None else (duration_ns + 500_000) // 1_000_000
