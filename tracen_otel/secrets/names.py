"""Names of attributes, JSON keys, headers and variables whose values are secret, such as `x-api-key`.

Counts of tokens, and words that only resemble such names, are not among them.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[0-9]++")
_MAX_NAME = 256

_LAST_WORDS = frozenset(
    (
        *("authorization", "password", "passwd", "passphrase", "secret", "credential", "credentials"),
        *("cookie", "cookies", "jwt", "apikey", "accesskey", "secretkey", "privatekey", "clientsecret"),
        *("accesstoken", "authtoken", "refreshtoken", "idtoken", "apitoken"),
    )
)
_LAST_TWO_WORDS = frozenset(
    tuple(pair.split())
    for pair in (
        *(
            "api key",
            "access key",
            "secret key",
            "private key",
            "signing key",
            "encryption key",
            "master key",
        ),
        *("subscription key", "account key", "shared key", "tracen key", "functions key", "goog key"),
        *("access token", "refresh token", "auth token", "bearer token", "id token", "session token"),
        *("api token", "security token", "csrf token", "xsrf token", "oauth token", "secret token"),
        *("bot token", "deploy token", "service token", "github token", "gh token", "gitlab token"),
        *("hf token", "slack token", "npm token", "vault token", "job token", "private token"),
        *("connection string", "pass phrase", "pass word"),
    )
)


_KEYS_ALONE = frozenset({"api", "secret", "private", "signing", "encryption", "access"})
_SOFT_WORDS = frozenset({"pass", "pwd", "auth", "secrets"})


def is_secret_name(name: str) -> bool:
    """Tell whether what stands under this name is secret, whatever it looks like."""
    return _is_secret(name if len(name) <= _MAX_NAME else name[-_MAX_NAME:])


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    last, two = words[-1], tuple(words[-2:])
    return (
        last in _LAST_WORDS
        or last.endswith(("password", "passwd"))  # PGPASSWORD
        or two in _LAST_TWO_WORDS
        or _is_header_with_token(words)
        or last in ("passwords", "apikeys")
        or (last == "keys" and len(two) == 2 and two[0] in _KEYS_ALONE)
    )


@lru_cache(maxsize=4096)
def may_be_secret(name: str) -> bool:
    """Tell whether what stands under this name is secret where it looks like it: tests pass, tokens are counted."""
    words = [word.lower() for word in _WORD.findall(name[-_MAX_NAME:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    if words[-1] in ("tokens", "keys"):
        return words == ["tokens"] or (*words[-2:-1], words[-1][:-1]) in _LAST_TWO_WORDS
    return words[-1] in _SOFT_WORDS


def is_flag(word: str) -> bool:
    """Tell whether this is an option of a command line whose value, the next word, is secret: `--api-key`."""
    name = word.lstrip("-")
    return word[:1] == "-" and (is_secret_name(name) or name == "token")


def _is_header_with_token(words: list[str]) -> bool:
    """As in `x-vault-token`, `x-amz-security-token`."""
    return words[-1] == "token" and "x" in words[-4:-1]


def is_named_token(name: str) -> bool:
    """Tell whether the name says `token` and no more, or is that of a variable of a shell: its value may be secret."""
    last = name.rpartition(".")[2]
    return last.lower() == "token" or (last.endswith(("_TOKEN", "_KEY")) and last.isupper())
