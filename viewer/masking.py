"""A payload with its secrets masked, and still a payload: what can hold no text is left as it came.

A latency can look like the number of a card. Times, counts, closed sets and the trace id are nothing that anybody
wrote; masked, they would be refused. Knows no secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tracen_otel.fields import TOKEN_FIELDS, fitting, whole as integer
from tracen_otel.redact import Redaction

_TIME = "time_unix_nano"
_WITHOUT_TEXT = frozenset(
    {
        "status",
        "provider",
        "form",
        "kind",
        "span_kind",
        "status_code",
        "otel_trace_id",
        "timestamp",
        "start_time_unix_nano",
        "end_time_unix_nano",
        "total_latency_ms",
        "latency_ms",
        "latency_ns",
        "tokens_counted",
        "dropped_attributes",
        "dropped_events",
        "masked",
        *(field.name for field in TOKEN_FIELDS),
    }
)
"""Of a payload and of its steps; `decode` refuses text in them. Ids are not here: they are anybody's words."""


def masked(redaction: Redaction, value: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """Mask the texts of a valid payload; tell how many secrets those held. The same object where none is found."""
    if not redaction.is_on:
        return value, 0
    texts = {**_texts_of(value), "steps": [_texts_of(step) for step in value["steps"]]}
    told, count = redaction.payload(texts)
    if not count:
        return value, 0
    steps = [_put_back(step, whole) for step, whole in zip(told["steps"], value["steps"], strict=True)]
    return {**_put_back(told, value), "steps": steps}, count


def _texts_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """A payload or a step with nothing in the fields that hold no text, each at its place."""
    texts = {name: 0 if name in _WITHOUT_TEXT else field for name, field in value.items()}
    if isinstance(events := texts.get("events"), list):
        texts["events"] = [{**event, _TIME: "0"} if _TIME in event else event for event in events]
    return texts


def _put_back(texts: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = _WITHOUT_TEXT & whole.keys()
    value = {name: whole[name] if name in kept else field for name, field in texts.items()}
    if "masked" in texts:
        value["masked"] = fitting(texts["masked"] + integer(whole.get("masked", 0)))
    if isinstance(events := texts.get("events"), list):
        value["events"] = [
            {**event, _TIME: came[_TIME]} if _TIME in came else event
            for event, came in zip(events, whole["events"], strict=True)
        ]
    return value


def repeats_a_name(body: bytes) -> bool:
    """Tell whether an object of valid JSON has a name twice: all values but the last are seen in the bytes alone."""
    repeats = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeats
        repeats = repeats or len({name for name, _ in pairs}) < len(pairs)

    json.loads(body, object_pairs_hook=look)
    return repeats
