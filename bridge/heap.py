"""How much memory the process keeps after large bodies have come and gone."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h of glibc
_LARGE_BYTES = 4 * 1024 * 1024


def give_back_large_blocks() -> None:
    """Let glibc map large blocks one by one, and use one heap for all threads.

    By default it learns from the first large body that such blocks are common, and from then on leaves the gaps
    between them in the heap of each thread: with bodies of 8 MiB, some 40 MB. Elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, 1)
