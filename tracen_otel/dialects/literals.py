"""Values that an instrumentation wrote with Python's `str()`: dicts, lists, None, in quotes of its own."""

from __future__ import annotations

import ast
from typing import Any

from tracen_otel.attributes import decode_json

_MAX_CHARS = 1_000_000


def decode_literal(value: Any) -> Any:
    """The dict or list that a string spells; JSON, which may look like one, and anything else as JSON has it."""
    if not isinstance(value, str) or value[:1] not in ("{", "[") or len(value) > _MAX_CHARS:
        return decode_json(value)
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return decode_json(value)
