"""Several tellings of one trace become one."""

from __future__ import annotations
from collections.abc import Sequence
from tracen_otel.model import Trace


def merge(traces: Sequence[Trace]) -> Trace:
    """PLACEHOLDER"""
    return traces[-1]
