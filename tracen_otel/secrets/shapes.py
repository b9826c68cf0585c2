"""What a secret's value looks like, as against a type, a placeholder, a mask, a folder or a word."""

from __future__ import annotations

import re

_MIN_VALUE = 4

_MASK = re.compile(r"\[(?:masked|withheld): [^\[\]\"\\]{1,60}\]")
SCHEME = re.compile(r"(?i)(?:bearer|basic|token|digest|negotiate|bot|apikey|key)\s{1,8}+")
_SAYS_NOTHING = re.compile(
    r"[*xX.•…_ -]{0,400}|\{[^\n]{0,200}\}|<[^\n]{0,200}>|\$[^\n]{0,200}|%[({][^\n]{0,200}"
)
TYPES = frozenset(
    (
        *(
            "string",
            "str",
            "text",
            "secretstr",
            "number",
            "integer",
            "int",
            "boolean",
            "bool",
            "bytes",
            "object",
        ),
        *("array", "list", "any", "null", "none", "true", "false", "undefined", "required", "optional"),
        *("secret", "password", "token", "bearer", "basic", "apikey", "oauth2", "redacted", "hidden"),
    )
)


def is_credential(value: str) -> bool:
    """Tell whether a value under a secret name is one, and not a type, a placeholder or a mask."""
    if len(value) < _MIN_VALUE or _MASK.fullmatch(value) or value.lower() in TYPES:
        return False
    scheme = SCHEME.match(value)
    return not _SAYS_NOTHING.fullmatch(value, scheme.end() if scheme else 0)


_PASSWORD = re.compile(
    r"(?=[^A-Za-z]{0,200}[A-Za-z])(?=[^0-9!@#$%^&*+=?]{0,200}[0-9!@#$%^&*+=?])[!#-'*-.0-Z^-z|~]{6,256}+"
)
_WORDS_AND_NUMBERS = re.compile(r"(?i)[a-z]{1,40}+[0-9]{0,4}+(?:[-_.][a-z]{0,40}+[0-9]{0,4}+){0,12}+")
_ADDRESS = re.compile(r"[/~.]|[A-Za-z]:\\|[A-Za-z][A-Za-z0-9+.-]{0,20}://")


def looks_secret(name: str, value: str) -> bool:
    """Tell whether a value is secret under a name that may say so (`names.may_be_secret`), or beside a header's."""
    if not is_credential(value) or _ADDRESS.match(value):
        return False
    if SCHEME.match(value):
        return True
    if name[-4:].lower() == "pass" or name[-3:].lower() == "pwd":
        return is_password(value)
    return _OPAQUE.fullmatch(value) is not None and not _WORDS_AND_NUMBERS.fullmatch(value)


def is_password(value: str) -> bool:
    """Tell whether this looks like a password, and not like a word or a path."""
    return _PASSWORD.fullmatch(value) is not None


_OPAQUE = re.compile(r"(?=[^0-9]{0,200}[0-9])(?=[^A-Za-z]{0,200}[A-Za-z])[!-~]{8,4096}+")
_RANDOM = re.compile(r"(?=[^0-9]{0,200}[0-9])(?=[^A-Za-z]{0,200}[A-Za-z])[A-Za-z0-9_.~+/=-]{20,65536}+")


def looks_random(value: str) -> bool:
    return _RANDOM.fullmatch(value) is not None
