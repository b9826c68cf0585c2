"""Our own requests are not the user's calls: an instrumented HTTP client would trace them, for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, get_current, set_value


@contextmanager
def instrumentation_suppressed() -> Iterator[None]:
    """Have instrumentations look away while the block runs, on this thread."""
    context = set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, get_current())
    token = attach(set_value("suppress_instrumentation", True, context))  # the key of older instrumentations
    try:
        yield
    finally:
        detach(token)
