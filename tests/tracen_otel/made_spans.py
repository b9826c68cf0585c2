"""Spans made by hand, for tests of what they mean together."""

from __future__ import annotations

from typing import Any

from tracen_otel.model import Span, StatusCode

TRACE_ID = "ab" * 16
ROOT, CHILD, GRANDCHILD, STRANGER = (digit * 16 for digit in "1234")


def span(span_id: str, parent_id: str | None = None, start: int = 1, end: int = 9, **fields: Any) -> Span:
    fields.setdefault("name", f"span {span_id[0]}")
    return Span(TRACE_ID, span_id, parent_id=parent_id, start_ns=start, end_ns=end, **fields)


def llm(span_id: str, parent_id: str | None = None, start: int = 1, **told: Any) -> Span:
    """A chat span; `told` are attributes, `_` for `.`."""
    status = told.pop("status", StatusCode.UNSET)
    attributes = {
        "gen_ai.operation.name": "chat",
        **{f"gen_ai.{k.replace('__', '.')}": v for k, v in told.items()},
    }
    return span(span_id, parent_id, start, attributes=attributes, status=status, name="chat")
