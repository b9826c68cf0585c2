"""The parameters of a model call, whatever an instrumentation calls them: by the last word of an attribute's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tracen_otel.model import Attributes
from viewer.legible import one_line

_LABEL_BY_WORD = {
    "temperature": "Temperature",
    "top_p": "Top p",
    "top_k": "Top k",
    "max_tokens": "Max tokens",
    "max_output_tokens": "Max tokens",
    "max_completion_tokens": "Max tokens",
    "seed": "Seed",
    "stop_sequences": "Stop sequences",
    "frequency_penalty": "Frequency penalty",
    "presence_penalty": "Presence penalty",
    "reasoning_effort": "Reasoning effort",
    "tool_choice": "Tool choice",
    "finish_reason": "Finish reason",
    "finish_reasons": "Finish reason",
    "stop_reason": "Finish reason",
}
_BUNDLES = ("invocation_parameters", "model_parameters", "modelParameters")
"""Keys of which the value is a JSON object of parameters."""
_MAX_BUNDLE = 4_000
_MAX_VALUE = 60


def parameters_of(attributes: Attributes) -> Iterator[tuple[str, str]]:
    """Label and value of each parameter that is told, once, in the order of the labels."""
    found: dict[str, str] = {}
    for key in sorted(attributes):
        word = key.rpartition(".")[2]
        if word in _BUNDLES:
            _take_all(_bundle(attributes[key]), found)
        else:
            _take(word, attributes[key], found)
    for label in dict.fromkeys(_LABEL_BY_WORD.values()):
        if label in found:
            yield label, found[label]


def _take_all(bundle: dict[str, Any], found: dict[str, str]) -> None:
    for word, value in bundle.items():
        _take(word, value, found)


def _take(word: str, value: Any, found: dict[str, str]) -> None:
    label = _LABEL_BY_WORD.get(word)
    if label is None or isinstance(value, dict | bytes) or value is None:
        return
    text = ", ".join(map(str, value[:10])) if isinstance(value, list | tuple) else str(value)
    if text:
        found.setdefault(label, one_line(text, _MAX_VALUE))


def _bundle(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and len(value) <= _MAX_BUNDLE:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
