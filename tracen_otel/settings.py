"""The exporter's settings: each an argument with an environment variable for a twin. Knows no span and no socket.

A wrong argument raises, as its author is there to read it; a wrong variable is a warning, and what is safe holds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TypeVar

DEFAULT_ENDPOINT = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 10.0
DEFAULT_SHUTDOWN_TIMEOUT_S = 5.0
_MOST_S = 3600.0
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})

_logger = logging.getLogger("tracen_otel")
_T = TypeVar("_T")


def setting(
    argument: object, variable: str, checked: Callable[..., _T], default: _T, *, wrong: _T | None = None
) -> _T:
    """The argument, else the environment variable, else the default; one that is empty counts as absent.

    `wrong` stands for a variable that makes no sense, where the default would give away more than was meant.
    """
    if argument is not None and argument != "":
        return checked(argument)
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        return checked(text)
    except ValueError as error:
        _logger.warning("%s is not used: %s", variable, error)
        return default if wrong is None else wrong


def checked_only(only: str) -> str:
    """Answer which traces are published. Raises ValueError for anything but "llm" and "all"."""
    if only not in ("llm", "all"):
        raise ValueError(f'only: expected "llm" or "all", got {str(only)[:40]!r}')
    return only


def checked_bool(name: str) -> Callable[[bool | str], bool]:
    """Make the check of a setting that is on or off."""

    def checked(value: bool | str) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(f"{name}: expected true or false, got {str(value)[:40]!r}")
        return word in _TRUE

    return checked


def checked_seconds(name: str, *, zero: bool = False) -> Callable[[float | str], float]:
    """Make the check of a setting in seconds; `zero` tells whether none at all makes sense."""
    least = "0 or more" if zero else "more than 0"

    def checked(value: float | str) -> float:
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = -1.0
        if not (0 <= seconds <= _MOST_S) or (seconds == 0 and not zero):
            raise ValueError(f"{name}: expected seconds, {least} and at most 3600, got {str(value)[:40]!r}")
        return seconds

    return checked


def checked_folder(folder: str | os.PathLike[str]) -> str:
    """Answer a folder's path. Raises ValueError for what is no path."""
    try:
        path = os.fspath(folder)
    except TypeError:
        path = ""
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"spool_dir: expected the path of a folder, got {str(folder)[:80]!r}")
    try:
        return os.path.abspath(path)
    except OSError:  # a relative path, and the folder it starts from is gone
        raise ValueError(f"spool_dir: expected a folder that can be found, got {path[:80]!r}") from None
