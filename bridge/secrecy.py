"""How much of what somebody gave may be printed: no key, no password, no query, and nothing that drives a terminal."""

from __future__ import annotations

import re

from viewer.logs import one_line

_MAX_SHOWN = 100
_KEY = re.compile(r"(tracen_sk_)\w+")
_USER = re.compile(r"//.*@", re.DOTALL)
"""Up to the last @: a password may hold a slash, a ? and another @."""
_USER_IN_WORDS = re.compile(r"//\S*@")


def shown(text: str) -> str:
    """A setting's value as it may be printed: short, one line, without keys, passwords and queries."""
    bare = _KEY.sub(r"\1…", text)
    bare = _USER.sub("//…@", bare) if "//" in bare else bare.rpartition("@")[2]
    bare = bare.partition("?")[0]
    short = bare if len(bare) <= _MAX_SHOWN else f"{bare[:_MAX_SHOWN]}…"
    return one_line(short.encode("utf-8", "backslashreplace").decode())  # variables may hold any bytes


def has_key(text: str) -> bool:
    """Whether something in it looks like a key of Tracen."""
    return bool(_KEY.search(text))


def told(message: str) -> str:
    """An error's words as they may be printed, whatever they repeat: without keys, and without users of URLs."""
    return _USER_IN_WORDS.sub("//…@", _KEY.sub(r"\1…", message))
