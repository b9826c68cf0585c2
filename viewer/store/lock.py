"""FILE.lock: whoever has it alone is the one server of a store's files, or puts a backup in their place.

Who looks whether somebody has it shares it for a moment (`bridge.presence`), which is no reason to refuse anybody.
"""

from __future__ import annotations

import fcntl
import random
import time
from typing import IO

_MAX_WAIT_S = 10.0
_MAX_PAUSE_S = 0.01


def is_taken_alone(file: IO[bytes]) -> bool:
    """Have the lock for as long as the file is open; False where somebody else has it alone, or shares it for long.

    What can be shared is shared by those who look, or by another one who is about to take it here: so try again, after
    a pause that is not the same for both.
    """
    end_s = time.monotonic() + _MAX_WAIT_S
    while not _is_taken(file, fcntl.LOCK_EX):
        if not _is_taken(file, fcntl.LOCK_SH) or time.monotonic() > end_s:
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        time.sleep(random.uniform(0, _MAX_PAUSE_S))  # noqa: S311 - nothing secret
    return True


def _is_taken(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
