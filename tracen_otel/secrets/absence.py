"""Whether a value holds nothing that would be masked: nine of ten do, and are told apart without a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tracen_otel.secrets.names import is_flag, is_secret_name, may_be_secret
from tracen_otel.secrets.search import find

MIN_TEXT = 8
"""No secret that tells itself is shorter."""
SHORT_NAME = 256
MAX_DEPTH = 100
VALUES_OF_PAIRS = ("value", "values")
MIN_CARD, MAX_CARD = 10**13, 10**16


def is_clean(value: Any, depth: int) -> bool:
    """Tell that nothing in a value would be masked. Copies nothing: this runs over everything that is told."""
    if isinstance(value, str):
        return len(value) < MIN_TEXT or not find(value)
    if value is None or isinstance(value, bool | float):
        return True
    if isinstance(value, int):
        return not MIN_CARD <= value < MAX_CARD
    if isinstance(value, Mapping):
        return depth > 0 and _are_clean_members(value, depth - 1)
    if isinstance(value, list | tuple):
        if len(value) > 1 and _is_announcing(value):
            return False
        return depth > 0 and False not in [is_clean(item, depth - 1) for item in value]
    return not isinstance(value, bytes | bytearray)


def _are_clean_members(members: Mapping[Any, Any], depth: int) -> bool:
    for name, value in members.items():
        is_plain = _is_plain_name(name) if len(name) <= SHORT_NAME else not _says_something(name)
        if not (is_plain and is_clean(value, depth)):
            return False
    return True


@lru_cache(maxsize=4096)
def _is_plain_name(name: str) -> bool:
    return not _says_something(name)


def _says_something(name: str) -> bool:
    """Whether a name may say that its value is secret, or is a secret itself."""
    return (
        is_secret_name(name)
        or may_be_secret(name)
        or name in VALUES_OF_PAIRS
        or bool(len(name) >= MIN_TEXT and find(name))
    )


def _is_announcing(items: Sequence[Any]) -> bool:
    """Whether an item may say that the next one is secret: a header's name, an option of a command line."""
    if not isinstance(items[0], str):
        return False
    if len(items) == 2 and len(items[0]) <= SHORT_NAME and _announces(items[0]):
        return True
    return any(isinstance(item, str) and item[:1] == "-" and _is_option(item) for item in items)


def _is_option(item: str) -> bool:
    return is_flag(item[:SHORT_NAME].partition("=")[0])


@lru_cache(maxsize=4096)
def _announces(name: str) -> bool:
    return is_secret_name(name) or is_flag(name)
