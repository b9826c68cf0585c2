"""Tracen's own: payloads a line each, as `tracen convert` writes them, and what /app/export downloads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.importing.cutting import Piece
from bridge.importing.spans import OtlpSpan, Unreadable
from tracen_otel import payload
from viewer.forms.otlp_json import render
from viewer.store.base import BodyKind

_PAYLOAD = frozenset(("prompt", "response", "steps"))


class Payloads:
    """Reads payloads, documented fields alone or extended, as the spans that tell the same."""

    name = "Tracen"

    def knows(self, piece: Piece) -> bool:
        value = piece.value
        return value.keys() >= _PAYLOAD or (isinstance(value.get("kind"), str) and _is_line(value))

    def spans(self, piece: Piece) -> Iterator[OtlpSpan]:
        """The spans of a payload. Raises Unreadable."""
        value = piece.value.get("payload", piece.value)
        if not isinstance(value, dict) or not value.keys() >= _PAYLOAD:
            return  # another line of an export: account, keys, its end
        try:
            trace = payload.decode(value)
        except payload.InvalidPayload as error:
            raise Unreadable(f"is no payload: {error}") from None
        told = trace.otel_trace_id or _id_of(value)
        request = json.loads(render([(BodyKind.PAYLOAD, b"")], told, trace))
        for resource_spans in request["resourceSpans"]:
            for scope_spans in resource_spans["scopeSpans"]:
                for span in scope_spans["spans"]:
                    yield OtlpSpan(span, resource_spans.get("resource") or {}, scope_spans.get("scope") or {})

    def rest(self) -> Iterator[OtlpSpan]:
        return iter(())


def _is_line(value: Mapping[str, Any]) -> bool:
    return "payload" in value or value["kind"] in ("export", "account", "key", "end")


def _id_of(value: Mapping[str, Any]) -> str:
    """A trace id for a payload that tells none, the same each time."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
