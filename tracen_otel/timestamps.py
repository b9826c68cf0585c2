"""Time at the edge: ISO-8601 text ↔ integer nanoseconds since 1970. Never through a float."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_timestamp(text: str) -> int:
    """ISO-8601 → nanoseconds; without an offset it is UTC. Raises ValueError or OverflowError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * 1000


def format_timestamp(time_ns: int) -> str:
    """Nanoseconds → ISO-8601 UTC with milliseconds, rounded down: 2026-11-24T09:30:00.000Z."""
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
