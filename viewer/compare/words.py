"""What differs, in the words of the page: numbers in, text out."""

from __future__ import annotations

from viewer.compare.comparison import Aspect, Line
from viewer.labels import model_line, row_name
from viewer.wording import UNKNOWN, count, duration, plural

THE_SAME = "the same"


def duration_change(a_ns: int | None, b_ns: int | None) -> str:
    """`1.20 s faster`; "" where either is not told."""
    if a_ns is None or b_ns is None:
        return ""
    if a_ns == b_ns:
        return THE_SAME
    return f"{duration(abs(b_ns - a_ns))} {'faster' if b_ns < a_ns else 'slower'}"


def count_change(a: int | None, b: int | None, noun: str = "") -> str:
    """`+312 tokens`, `−1 step`; "" where either is not told."""
    if a is None or b is None:
        return ""
    if a == b:
        return THE_SAME
    number = plural(abs(b - a), noun) if noun else count(abs(b - a))
    return f"{'+' if b > a else '−'}{number}"


def share(a: int | None, b: int | None) -> str:
    """By what part of A it became more or less: `+14 %`, `×3.2`; "" where that says nothing."""
    if not a or b is None or a < 0 or b < 0 or a == b:
        return ""
    if b >= 3 * a:
        return f"×{b / a:,.1f}" if b < 1000 * a else ""
    percent = round(100 * (b - a) / a)
    sign = "+" if b > a else "−"
    return f"{sign}{abs(percent)} %" if percent else f"{sign}<1 %"


def both(a: str, b: str) -> str:
    """`1.83 s → 1.20 s`, or one of them where they read the same."""
    return a if a == b else f"{a} → {b}"


def both_counts(a: int | None, b: int | None, unit: str) -> str:
    """`1,204 → 1,310 in`; "" where neither is told."""
    return "" if a is None and b is None else f"{both(_told(a), _told(b))} {unit}"


def _told(number: int | None) -> str:
    return "?" if number is None else count(number)


def remarks(line: Line) -> list[str]:
    """What changed in a step, as short claims; its texts, duration, tokens and error stand elsewhere."""
    if line.a is None or line.b is None:
        return []
    told = []
    if Aspect.MODEL in line.differences:
        before, after = (model_line(side.step) or UNKNOWN for side in (line.a, line.b))
        told.append(f"model {before} → {after}")
    if Aspect.NAME in line.differences:
        told.append(f"was {row_name(line.a.step)}")
    return told


def listing(phrases: list[str]) -> str:
    """`a, b and c`."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
