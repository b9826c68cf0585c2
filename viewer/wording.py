"""Numbers, durations and moments in the words of the page. Integers in, text out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNKNOWN = "unknown"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def duration(nanoseconds: int | None) -> str:
    """A duration with about three digits: 0.42 ms, 830 ms, 4.21 s, 2 min 05 s, 3 h 12 min."""
    if nanoseconds is None:
        return UNKNOWN
    if nanoseconds < 999_500_000:
        return _milliseconds(nanoseconds)
    centiseconds = _round(nanoseconds, 10_000_000)
    if centiseconds < 6000:
        return f"{centiseconds // 100}.{centiseconds % 100:02d} s"
    seconds = _round(nanoseconds, 1_000_000_000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    minutes = _round(seconds, 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = _round(minutes, 60)
    days = hours // 24
    return f"{days:,} d {hours % 24} h" if days < 36_500 else "over 100 years"


def masked(count: int) -> str:
    """What a reader is told of secrets that were masked."""
    return f"{plural(count, 'secret')} {'was' if count == 1 else 'were'} masked before this page was made."


def _milliseconds(nanoseconds: int) -> str:
    hundredths = _round(nanoseconds, 10_000)
    if nanoseconds == 0 or hundredths >= 1000:
        return f"{_round(nanoseconds, 1_000_000)} ms"
    return f"{hundredths // 100}.{hundredths % 100:02d} ms" if hundredths else "< 0.01 ms"


def _round(value: int, unit: int) -> int:
    return (value + unit // 2) // unit


def count(number: int | None) -> str:
    """A count with thousands separators; None is unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def plural(number: int, noun: str) -> str:
    """`1 step`, `1,200 steps`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(byte_count: int) -> str:
    """A size in bytes with about two digits: 812 B, 12 kB, 1.4 MB."""
    if byte_count < 1_000:
        return f"{byte_count} B"
    return f"{_round(byte_count, 1_000)} kB" if byte_count < 999_500 else f"{byte_count / 1_000_000:.1f} MB"


def moment(time_ns: int, timespec: str = "milliseconds") -> str:
    """A point in time, UTC, as fine as `datetime.isoformat` names it: 24 Nov 2026, 09:30:00.123 UTC."""
    when = _EPOCH + timedelta(microseconds=time_ns // 1000)
    clock = when.isoformat(timespec=timespec)[11:].removesuffix("+00:00")
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {clock} UTC"
