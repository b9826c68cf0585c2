"""Secrets of digits and capitals: card numbers, and the ids of AWS keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracen_otel.secrets.places import Found, begins

_GROUPED_CARD = re.compile(
    r"(?:[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|3[47][0-9]{2}([ -])[0-9]{6}\2[0-9]{5})"
    r"(?![0-9A-Za-z_]|[.-][0-9]| [0-9]{4})"
)
_CARD = re.compile(r"[2-6][0-9]{13,15}(?![0-9A-Za-z_]|[.-][0-9])")
_AWS = re.compile(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![0-9A-Za-z_])")
_PART_OF_MORE = re.compile(r"[0-9.][ .-]?$|[iI][dD]s?[\"'\\ :=_]{0,24}$")
"""Before a number: digits it goes on from, or a name that says it is an id."""
_NUMBER_IN_JSON = re.compile(r'(?:"\s{0,4}:|[\[,])\s{0,4}$')
_MAX_BACK = 256

_SHAPE = bytearray(b"." * 256)
_SHAPE[ord(" ")] = _SHAPE[ord("-")] = ord(" ")
for _byte in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
    _SHAPE[_byte] = ord("0")
_SHAPE_BY_BYTE = bytes(_SHAPE)
_RUN = re.compile(b"0{14,}+")
_LONG, _GROUPED = b"0" * 14, b"0000 0000"


def digits_and_capitals(text: str) -> Iterator[Found]:
    """Find the card numbers and AWS key ids of a text.

    Most texts have no long run of digits and capitals, which is a matter of a microsecond or two to know.
    """
    shape = text.encode("latin-1", "replace").translate(_SHAPE_BY_BYTE)
    at = shape.find(_LONG)
    while at >= 0:
        if match := _AWS.match(text, at):
            if begins(text, at):
                yield Found(at, match.end(), "AWS key")
        elif match := _CARD.match(text, at):
            yield from _card(text, match)
        run = _RUN.match(shape, at)
        at = shape.find(_LONG, run.end() if run else at + 1)
    at = shape.find(_GROUPED)
    while at >= 0:
        if match := _GROUPED_CARD.match(text, at):
            yield from _card(text, match)
        at = shape.find(_GROUPED, at + len(_GROUPED) // 2)


def _card(text: str, match: re.Match[str]) -> Iterator[Found]:
    start, end = match.span()
    is_whole = begins(text, start) and not _PART_OF_MORE.search(text[max(0, start - 32) : start])
    if is_whole and is_card_number(match[0]):
        yield Found(start, end, "card number", _quote_around(text, start, end))


def is_card_number(text: str) -> bool:
    """Tell by issuer, length and check digit whether these digits, with blanks or dashes between, are a card's."""
    digits = text.replace(" ", "").replace("-", "")
    return _is_issued(digits) and _has_check_digit(digits)


def _is_issued(digits: str) -> bool:
    """The prefixes of Visa, Mastercard, Discover, JCB, UnionPay; American Express; Diners Club."""
    two, four = int(digits[:2]), int(digits[:4])
    if len(digits) == 16:
        return (
            40 <= two < 50
            or 51 <= two <= 55
            or 2221 <= four <= 2720
            or 3528 <= four <= 3589
            or four == 6011
            or 6440 <= four <= 6599
            or two == 62
        )
    if len(digits) == 15:
        return two in (34, 37)
    return two in (36, 38) or 3000 <= four <= 3059


def _has_check_digit(digits: str) -> bool:
    """Luhn's formula, ISO/IEC 7812-1 annex B."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _quote_around(text: str, start: int, end: int) -> str:
    """The quotes that the mask of a bare number in JSON needs, as those before it are written; else none."""
    before = text[max(0, start - _MAX_BACK) : start]
    if text[end : end + 4].lstrip()[:1] not in (",", "]", "}") or not _NUMBER_IN_JSON.search(before):
        return ""
    quote = before.rfind('"')
    if quote < 0:
        return '"' if text[:_MAX_BACK].lstrip()[:1] in ("[", "{") else ""
    return before[len(before[:quote].rstrip("\\")) : quote + 1]
