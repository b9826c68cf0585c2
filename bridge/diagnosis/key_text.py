"""What is wrong with the text of a key, told without telling the key. Whether it is anybody's, the server knows."""

from __future__ import annotations

from viewer.keys import PREFIX, is_well_formed

_KEY_LENGTH = 46
_QUOTES = "\"'`“”‘’"


def slip_in(secret: str) -> str:
    """What keeps this text from being a key; "" where it can be one."""
    if not secret:
        return "is empty"
    if secret.startswith(("$", "%")) or "${" in secret:
        return "holds the name of a variable that was never filled in"
    if set(secret) & set(_QUOTES):
        return "has quotes in it, which are taken as part of the key"
    if secret.lower().startswith("bearer"):
        return "begins with `Bearer`, which belongs into an authorization header alone"
    if "…" in secret or secret.endswith("...") or "<" in secret:
        return "is the placeholder of an example, and no key"
    if not secret.isascii() or not secret.isprintable() or " " in secret.strip():
        return "has spaces or other characters that no key has"
    return "" if is_well_formed(secret.strip()) else _mistyped(secret.strip())


def _mistyped(secret: str) -> str:
    if not secret.startswith(PREFIX):
        return f"is no Tracen key: those begin with {PREFIX}"
    if len(secret) != _KEY_LENGTH:
        return f"is {len(secret)} characters long; a key has {_KEY_LENGTH}"
    return "is mistyped: its check digits do not fit the rest"
