"""Children of multiprocessing: those that are forked end by os._exit and run no exit handlers but its own."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any


def call_when_child_ends(method: Callable[[], Any]) -> None:
    """Call a bound method when this process ends, if it is such a child and the object is still there by then."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is None or util is None or process.parent_process() is None:
        return
    if (
        "--multiprocessing-fork" in sys.orig_argv
    ):  # "spawn": an interpreter of its own, which ends as others do
        return
    weakly = weakref.WeakMethod(method)
    util.Finalize(None, _call, (weakly,), exitpriority=0)


def _call(weakly: weakref.WeakMethod[Callable[[], Any]]) -> None:
    method = weakly()
    if method is not None:
        method()
