"""Find secrets in a text: where they begin and end, and what they are called.

It runs over every text of every span, so a text without secrets must be cheap: the search looks for single
characters that every secret of a kind holds, with what stands around them, and reads on only there. Linear in the
length of the text: repeats are possessive and bounded, and nothing is read again from its middle.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracen_otel.secrets.digits import digits_and_capitals
from tracen_otel.secrets.kinds import OF_WORD, SECRET_KINDS, SecretKind
from tracen_otel.secrets.neighbours import options, pairs
from tracen_otel.secrets.places import OF_WORDS, Found, begins
from tracen_otel.secrets.values import bearer_tokens, named_values, url_passwords

_SHORT = 64


def find(text: str) -> Sequence[Found]:
    """Find the secrets of a text, in order; none overlaps another."""
    return _find_in_short(text) if len(text) <= _SHORT else _find(text)


@lru_cache(maxsize=4096)
def _find_in_short(text: str) -> tuple[Found, ...]:
    """Names of models, roles, versions: the same few short texts are on every span."""
    return tuple(_find(text))


def _find(text: str) -> list[Found]:
    found = list(_found(text))
    if len(found) < 2:
        return found
    found.sort(key=lambda secret: (secret.start, -secret.end))
    apart = found[:1]
    for secret in found[1:]:
        last = apart[-1]
        if secret.start >= last.end:
            apart.append(secret)
        elif secret.end > last.end:
            apart[-1] = Found(last.start, secret.end, last.kind)
    return apart


def _found(text: str) -> Iterator[Found]:
    if "_" in text:
        yield from _prefixed(text, _UNDERSCORE)
    if "-" in text:
        yield from _prefixed(text, _DASH)
        if "----BEGIN " in text:
            yield from _private_keys(text)
        if "--" in text:
            yield from options(text)
    if "." in text:
        yield from _prefixed(text, _DOT)
    if ":" in text or "=" in text:
        yield from named_values(text)
    if "@" in text and "://" in text:
        yield from url_passwords(text)
    if "[" in text:
        yield from pairs(text)
    if "B" in text or "bearer " in text:
        yield from bearer_tokens(text)
    if "z" in text and "AIza" in text:
        yield from _matches(_GOOGLE, "Google key", text)
    yield from digits_and_capitals(text)


def _matches(pattern: re.Pattern[str], kind: str, text: str) -> Iterator[Found]:
    for match in pattern.finditer(text):
        if begins(text, match.start()):
            yield Found(match.start(), match.end(), kind)


_GOOGLE = re.compile(rf"AIza{OF_WORD}{{30,64}}+")


# -- by prefix ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pivot:
    """A character in which prefixes end: where it can be the end of one, and the kinds that begin so."""

    pattern: re.Pattern[str]
    kinds: dict[str, list[SecretKind]]
    lengths: tuple[int, ...]


def _pivot(character: str, beside: str = "") -> _Pivot:
    kinds: defaultdict[str, list[SecretKind]] = defaultdict(list)
    for kind in SECRET_KINDS:
        for prefix in kind.prefixes:
            if prefix[-1] == character:
                kinds[prefix].append(kind)
    tails = "|".join(sorted({re.escape(prefix[-3:-1]) for prefix in kinds}))
    sign = re.escape(character)
    pattern = re.compile(rf"{sign}(?:(?={OF_WORD}{{16}})(?<=(?:{tails}){sign}){beside})")
    return _Pivot(pattern, dict(kinds), tuple(sorted({len(p) for p in kinds}, reverse=True)))


_UNDERSCORE = _pivot("_")
_DASH = _pivot("-")
_DOT = _pivot(".", r"|eyJ|slack\.com/|com/api/webhooks/")


def _prefixed(text: str, pivot: _Pivot) -> Iterator[Found]:
    for match in pivot.pattern.finditer(text):
        after = match.start() + 1
        if match.end() > after and (token := _web_token(text, match.start())):
            yield token
        for length in pivot.lengths:
            start = after - length
            if start < 0 or (kinds := pivot.kinds.get(text[start:after])) is None:
                continue
            if not begins(text, start):
                continue
            ends = [(body.end(), kind.name) for kind in kinds if (body := kind.body.match(text, after))]
            if ends:
                yield Found(start, *max(ends))
                break


_JWT_BODY = re.compile(rf"\.eyJ{OF_WORD}{{5,65536}}+(?:\.{OF_WORD}{{0,65536}}+)?")
_MAX_JWT_HEADER = 4096


def _web_token(text: str, dot: int) -> Found | None:
    """A JSON Web Token: header, claims and signature in base64, the first two of a JSON object each."""
    body = _JWT_BODY.match(text, dot)
    if body is None:
        return None
    before = text[max(0, dot - _MAX_JWT_HEADER) : dot]
    start = dot - (len(before) - len(before.rstrip(OF_WORDS)))
    if not text.startswith("eyJ", start):
        start = text.find("eyJ", start, min(start + 5, dot))
    if start < 0 or not begins(text, start):
        return None
    return Found(start, body.end(), "JWT")


_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(
    r"(?:[A-Za-z0-9+/=\s:,.]++|\\++[nrt]|-(?!-)){0,100000}+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
)
_PEM_CUT = re.compile(
    r"(?:(?:\s|\\++[nrt]){0,8}+[A-Za-z0-9+/=]{16,65536}+){1,100000}+"
    r"(?:(?:\s|\\++[nrt]){1,8}+[A-Za-z0-9+/=]{1,16}+$)?"
)
"""A key that breaks off: SDKs cut long attributes."""


def _private_keys(text: str) -> Iterator[Found]:
    at = 0
    while begin := _PEM_BEGIN.search(text, at):
        body = _PEM_BODY.match(text, begin.end()) or _PEM_CUT.match(text, begin.end())
        at = body.end() if body else begin.end()
        if body:
            yield Found(begin.start(), at, "private key")
