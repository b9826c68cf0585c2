"""The documented payload as a strict server checks it: the fields of the contract by name and kind, and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

_PROVIDERS = ("openai", "anthropic", "mistral", "gemini", "custom")


def errors_of(payload: object, *, refuses_unknown: bool) -> list[dict[str, str]]:
    """Every wrong field at once."""
    if not isinstance(payload, dict):
        return [{"field": "", "message": "expected an object"}]
    wrong = _wrong_in(payload, _REQUIRED, _OPTIONAL, refuses_unknown)
    steps = payload.get("steps")
    for at, step in enumerate(steps if isinstance(steps, list) else []):
        inner = _wrong_in(step, _STEP, {}, refuses_unknown) if isinstance(step, dict) else [""]
        wrong += [f"steps[{at}].{name}".rstrip(".") for name in inner]
    return [{"field": name, "message": "missing, unknown, or not what it should be"} for name in wrong]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


_REQUIRED: dict[str, Callable[[object], bool]] = {
    "prompt": _is_text,
    "response": _is_text,
    "provider": lambda value: _is_text(value) and value in _PROVIDERS,
    "model": _is_text,
    "steps": lambda value: isinstance(value, list),
    "status": lambda value: value in ("success", "error"),
}
_OPTIONAL: dict[str, Callable[[object], bool]] = {
    "input_tokens": lambda value: value is None or _is_integer(value),
    "output_tokens": lambda value: value is None or _is_integer(value),
    "total_latency_ms": lambda value: value is None or _is_integer(value),
    "error_message": lambda value: value is None or _is_text(value),
}
_STEP: dict[str, Callable[[object], bool]] = {
    "name": _is_text,
    "timestamp": _is_time,
    "latency_ms": _is_integer,
}


def _wrong_in(
    value: dict[str, Any],
    required: Mapping[str, Callable[[object], bool]],
    optional: Mapping[str, Callable[[object], bool]],
    refuses_unknown: bool,
) -> list[str]:
    known = {**required, **optional}
    wrong = [name for name in required if name not in value]
    wrong += [name for name, is_right in known.items() if name in value and not is_right(value[name])]
    return wrong + ([name for name in value if name not in known] if refuses_unknown else [])
