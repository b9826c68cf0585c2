"""What attributes tell of a step in a word: whose it is, and the parameters of a model call, whatever they are called.

Most are known by the last word of an attribute's key, since every instrumentation has a prefix of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tracen_otel.model import Attributes
from viewer.legible import one_line

_LABEL_BY_KEY = {
    "gen_ai.agent.name": "Agent",
    "agent.name": "Agent",
    "agent_name": "Agent",
    "gen_ai.workflow.name": "Workflow",
    "traceloop.workflow.name": "Workflow",
    "gen_ai.tool.call.id": "Call id",
    "ai.toolCall.id": "Call id",
    "tool_call.id": "Call id",
    "gen_ai.tool.description": "Description",
    "tool.description": "Description",
    "gen_ai.conversation.id": "Conversation",
    "session.id": "Session",
    "ai.telemetry.metadata.sessionId": "Session",
    "gen_ai.data_source.id": "Data source",
    "gen_ai.prompt.name": "Prompt",
    "gen_ai.request.reasoning.level": "Reasoning effort",
}
_LABEL_BY_WORD = {
    "temperature": "Temperature",
    "top_p": "Top p",
    "topP": "Top p",
    "top_k": "Top k",
    "topK": "Top k",
    "max_tokens": "Max tokens",
    "max_output_tokens": "Max tokens",
    "maxOutputTokens": "Max tokens",
    "max_completion_tokens": "Max tokens",
    "maxTokens": "Max tokens",
    "seed": "Seed",
    "stop_sequences": "Stop sequences",
    "stopSequences": "Stop sequences",
    "frequency_penalty": "Frequency penalty",
    "frequencyPenalty": "Frequency penalty",
    "presence_penalty": "Presence penalty",
    "presencePenalty": "Presence penalty",
    "reasoning_effort": "Reasoning effort",
    "tool_choice": "Tool choice",
    "service_tier": "Service tier",
    "finish_reason": "Finish reason",
    "finish_reasons": "Finish reason",
    "finishReason": "Finish reason",
    "stop_reason": "Finish reason",
}
_LABELS = tuple(dict.fromkeys((*_LABEL_BY_KEY.values(), *_LABEL_BY_WORD.values())))
_BUNDLES = ("invocation_parameters", "model_parameters", "modelParameters")
"""Keys of which the value is a JSON object of parameters."""
_MAX_BUNDLE = 4_000
_MAX_VALUE = 60


@dataclass(frozen=True, slots=True)
class Parameters:
    """Label and value of each parameter that is told, once, in the order of the labels; `keys`: where they stand."""

    told: tuple[tuple[str, str], ...]
    keys: frozenset[str]


def parameters_of(attributes: Attributes) -> Parameters:
    """What a step's attributes tell in a word. Of two that tell one thing differently the first by key is taken."""
    value_by_label: dict[str, str] = {}
    keys = [key for key in sorted(attributes) if _takes_all(_facts(key, attributes[key]), value_by_label)]
    told = tuple((label, value_by_label[label]) for label in _LABELS if label in value_by_label)
    return Parameters(told, frozenset(keys))


def _facts(key: str, value: Any) -> Iterable[tuple[str | None, str]]:
    """The label and value of each thing that an attribute tells; no label for what has none here."""
    word = key.rpartition(".")[2]
    if word in _BUNDLES:
        return [(_LABEL_BY_WORD.get(name), _text(item)) for name, item in _bundle(value).items()]
    label = _LABEL_BY_KEY.get(key) or _LABEL_BY_WORD.get(word)
    return [(label, _text(value))] if label else []


def _takes_all(facts: Iterable[tuple[str | None, str]], value_by_label: dict[str, str]) -> bool:
    """Add to what is told; whether each of these stands there now, so that its attribute was used."""
    are_told = [
        label is not None and value != "" and value_by_label.setdefault(label, value) == value
        for label, value in facts
    ]
    return bool(are_told) and all(are_told)


def _text(value: Any) -> str:
    """A value in a line; "" for what is none."""
    if isinstance(value, Mapping | bytes) or value is None:
        return ""
    text = ", ".join(map(str, value[:10])) if isinstance(value, list | tuple) else str(value)
    return one_line(text, _MAX_VALUE) if text else ""


def _bundle(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and len(value) <= _MAX_BUNDLE:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
