"""Makes an input that breaks something small, as long as it breaks the same thing."""

from __future__ import annotations

import traceback
from collections.abc import Callable

_MAX_TRIES = 3_000


def failure_of(run: Callable[[bytes], object], data: bytes) -> str | None:
    """Tell what an input breaks: the error and where it was raised; None where all is well."""
    try:
        run(data)
    except Exception as error:  # any error is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno}): {str(error)[:200]}"
    return None


def smallest(run: Callable[[bytes], object], data: bytes) -> bytes:
    """Leave out ever smaller stretches of an input, its first byte excepted, while it breaks the same."""
    wanted = _kind(failure_of(run, data))
    size = max(len(data) // 2, 1)
    tries = 0
    while size and tries < _MAX_TRIES:
        at = 1
        while at < len(data) and tries < _MAX_TRIES:
            shorter = data[:at] + data[at + size :]
            tries += 1
            if _kind(failure_of(run, shorter)) == wanted:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def _kind(failure: str | None) -> str | None:
    return failure and failure.partition(": ")[0]
