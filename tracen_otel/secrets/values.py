"""Secrets that are told by what stands before them: a name in JSON, code, a header or a URL; a scheme; a user.

Values are found in JSON in JSON too, whose quotes have backslashes before them, and end where their quote does,
so that what is left is JSON again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from tracen_otel.secrets.names import is_named_token, is_secret_name, may_be_secret
from tracen_otel.secrets.neighbours import members, name_beside
from tracen_otel.secrets.places import CREDENTIAL, OF_WORDS, Found, begins
from tracen_otel.secrets.quotes import end_of_string, level_of
from tracen_otel.secrets.shapes import SCHEME, TYPES, is_credential, looks_random, looks_secret

_MAX_NAME = 128
_MIN_DOUBTFUL = 6
"""Shorter values under names that only may be secret are words: a list of tokens has thousands."""

_LOWER_TAILS = (
    "key",
    "ord",
    "swd",
    "ret",
    "ken",
    "kie",
    "jwt",
    "pwd",
    "ass",
    "uth",
    "eys",
    "rds",
    "ens",
    "ets",
    "als",
    "ies",
    "ial",
    "ase",
    "lue",
    "ues",
)
_TAILS = "|".join((*_LOWER_TAILS, *map(str.upper, _LOWER_TAILS), "Key"))
_TAIL_BEGINS = "[" + "".join(sorted({tail[0] for tail in _TAILS.split("|")})) + "]"
_QUOTE, _NO_QUOTE = "[\"']", "(?<![\"'][:=])"


def _ends(closing: str, sign: str) -> str:
    """Behind the end of what can be a secret name: of three letters, for Python looks behind by fixed widths alone.

    The first of them is looked at alone first: of the names in JSON nine in ten are done with then.
    """
    after = closing + sign
    return f"(?<={_TAIL_BEGINS}..{after})(?<=(?:{_TAILS}){after})|(?<=[zZ].....{after})"


_ESCAPED, _TWICE_ESCAPED = r"\\" + _QUOTE, r"\\\\\\" + _QUOTE
"""In JSON in JSON a quote has a backslash before it, in JSON in that three, then seven, fifteen."""
_DEEPER = r"\\" + _TWICE_ESCAPED
_COLON = re.compile(
    f":(?:{_ends(_QUOTE, ':')}|{_ends(_QUOTE + ' ', ':')}|{_NO_QUOTE}(?:{_ends('', ':')})"
    f"|(?<={_ESCAPED}:)(?:{_ends(_ESCAPED, ':')}|{_ends(_TWICE_ESCAPED, ':')}|(?<={_DEEPER}:)))"
)
_EQUALS = re.compile(f"=(?:{_ends('', '=')}|{_ends(' ', '=')}|(?<=[?&;]sig=)|(?<=ignature=))")


def named_values(text: str) -> Iterator[Found]:
    """Find what stands behind names that say it is secret."""
    for sign, pattern in ((":", _COLON), ("=", _EQUALS)):
        if sign in text:
            done = 0
            for match in pattern.finditer(text):
                if match.start() >= done:
                    if brace := _BRACE.match(text, match.end()):
                        yield from _members_after(text, match.start(), brace)
                        continue
                    for found in _values_after(text, match.start()):
                        done = found.end
                        yield found


_BRACE = re.compile(r"\s{0,16}+(\[?)\s{0,16}+\{")


def _members_after(text: str, sign: int, brace: re.Match[str]) -> Iterator[Found]:
    """What an object under a secret name holds; names in quotes alone: others stand in code."""
    name, is_quoted, _ = _name_before(text, sign)
    is_secret = is_secret_name(name)
    if is_quoted and (is_secret or (may_be_secret(name) and not brace[1])):
        yield from members(text, brace.end() - 1, is_secret)


def _name_before(text: str, sign: int) -> tuple[str, bool, str]:
    """The name before a sign, whether it stands in quotes, and the character before it."""
    before = text[max(0, sign - _MAX_NAME) : sign].rstrip(" ")
    unquoted = before.rstrip("\"'\\") if before[-1:] in ("'", '"') else before
    name = unquoted[len(unquoted.rstrip(_NAME_CHARACTERS)) :].lstrip("-.")
    if unquoted is not before and name in ("value", "values"):
        name = name_beside(text, text.rfind(name, 0, sign))
    return name, unquoted is not before, before[: len(before) - len(name)][-1:]


def _values_after(text: str, sign: int) -> Iterator[Found]:
    name, is_quoted, stands_after = _name_before(text, sign)
    is_query = text[sign] == "=" and stands_after in ("?", "&", ";")
    is_secret = is_secret_name(name) or (is_query and name.lower().endswith(("sig", "signature")))
    if not is_secret and not is_named_token(name) and not may_be_secret(name):
        return
    opening = _OPENING.match(text, sign + 1)
    if opening is None or (not is_quoted and stands_after == opening[3] != ""):
        return  # 'Password: ', where the quote ends what it stands in
    if opening[3]:
        yield from _strings(text, opening, name, is_secret, is_quoted=is_quoted)
    elif not is_quoted and not opening[1]:
        yield from _bare(text, opening.end(), name, is_secret and (is_query or name.isupper()))


_NAME_CHARACTERS = OF_WORDS + "."
_OPENING = re.compile(r"\s{0,16}+(\[?)\s{0,16}+(?:[brufBRUF](?=[\"']))?(\\*+)([\"']?)")
_NEXT = re.compile(r"\s{0,16}+,\s{0,16}+(\\*+)([\"'])")


# -- in quotes ----------------------------------------------------------------------------------------


def _strings(
    text: str, opening: re.Match[str], name: str, is_secret: bool, *, is_quoted: bool
) -> Iterator[Found]:
    """The string, or the strings of a list. `is_quoted`: their name is, as in JSON."""
    slashes, quote, start = opening[2], opening[3], opening.end()
    while True:
        end, after = end_of_string(text, start, quote, level_of(len(slashes)))
        if not is_quoted and _is_closing(text, start, end, after):
            return
        value = text[start:end]
        if is_credential(value) if is_secret else _is_told(name, value):
            yield Found(start, end, CREDENTIAL)
        following = _NEXT.match(text, after) if opening[1] else None
        if following is None or following[2] != quote:
            return
        start = following.end()


_AFTER_A_QUOTE = tuple(" \t\n\r\\)],;.+}:&|?")


def _is_closing(text: str, start: int, end: int, after: int) -> bool:
    """Tell a quote that ends what an unquoted name stood in ("Enter your password: ") from one that begins a value."""
    is_cut = end == after
    return is_cut or text[start : start + 1] in _AFTER_A_QUOTE or "\n" in text[start : min(end, start + 4096)]


def _is_told(name: str, value: str) -> bool:
    if len(value) < _MIN_DOUBTFUL:
        return False
    return looks_random(value) or (may_be_secret(name) and looks_secret(name, value))


# -- without quotes -----------------------------------------------------------------------------------

_BARE = re.compile(r"[A-Za-z0-9_+/.~%-]{4,65536}+={0,2}+")
_BARE_COOKIES = re.compile(r"[^\s\"'\\=;:]{1,256}+=[^\"'\\\r\n]{1,65536}+")
"""Neither reads over a further name with its sign: each is read once."""
_IDENTIFIER = re.compile(
    r"[A-Za-z_]\w{0,80}(?:\.[A-Za-z_]\w{0,80}){1,20}|[a-z]{1,40}(?:_[a-z0-9]{1,40}){1,20}"
)
_OPENS = ("(", "[", "{")
_TELLS = re.compile(r"(?=[^0-9]{0,200}[0-9])(?=[^A-Za-z]{0,200}[A-Za-z])")


def _bare(text: str, start: int, name: str, is_sure: bool) -> Iterator[Found]:
    """A value up to the next blank: as in a header, a shell or a query. Prose and code are left alone."""
    lower = name.lower()
    if lower.endswith("cookie"):
        value = _BARE_COOKIES.match(text, start)
        if value:
            yield Found(start, value.end(), CREDENTIAL)
        return
    scheme = SCHEME.match(text, start)
    value = _BARE.match(text, scheme.end() if scheme else start)
    if value is None or value[0].lower() in TYPES:
        return
    if may_be_secret(name) and not is_named_token(name):  # pass, tokens: only as a shell's variable
        if name.isupper() and looks_secret(name, value[0]):
            yield Found(value.start(), value.end(), CREDENTIAL)
        return
    if not scheme and (text[value.end() : value.end() + 1] in _OPENS or _IDENTIFIER.fullmatch(value[0])):
        return  # code that reads it from elsewhere
    is_long = len(value[0]) >= (16 if lower.endswith("authorization") else 8)
    if scheme or is_sure or (is_long and _TELLS.match(value[0])):
        yield Found(value.start(), value.end(), CREDENTIAL)


# -- schemes and URLs ---------------------------------------------------------------------------------

_BEARER = re.compile(r"(?:[Bb]earer|Basic)(?: |%20|\+){1,4}+([A-Za-z0-9_.~+/=-]{12,65536}+)")


def bearer_tokens(text: str) -> Iterator[Found]:
    """Find what stands behind `Bearer` and `Basic`."""
    for match in _BEARER.finditer(text):
        if begins(text, match.start()) and (
            _TELLS.match(match[1])
            if text.startswith("earer", match.start() + 1)
            else _is_user_and_password(match[1])
        ):
            yield Found(match.start(1), match.end(1), CREDENTIAL)


def _is_user_and_password(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


_USERINFO = re.compile(r"://[^\s/@:\"'\\<>?#]{0,256}+:([^\s/\"'\\<>]{1,1024})@")
_PLACEHOLDER = re.compile(r"\{[^{}]{0,100}\}{1,2}|\{\{[^{}]{0,100}\}\}|\$[\w{}]{1,100}|[*x.•…]{1,100}|%s")


def url_passwords(text: str) -> Iterator[Found]:
    """Find the passwords in URLs: scheme, user and host are left."""
    for match in _USERINFO.finditer(text):
        if not _PLACEHOLDER.fullmatch(match[1]):
            yield Found(match.start(1), match.end(1), "password")
