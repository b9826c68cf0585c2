"""Assembly figures: spans already decoded → one trace, and conversion per span, in CPU time of one process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.model import Scope, Span, SpanKind

Row = tuple[str, str, str]

_TRACE_ID = "5b" * 16
_START_NS = 1_800_000_000_000_000_000
_CHILDREN = 8
_LLM_EVERY = 11
_RESOURCE = {"service.name": "bench"}
_HTTP = Scope("opentelemetry.instrumentation.httpx", "0.62b0")
_GENAI = Scope("opentelemetry.instrumentation.openai_v2", "2.3b0")


def assembly(spans: int = 100_000) -> Row:
    """One trace of a model call beside every ten plain spans."""
    used_s = _cpu_s(assemble, mixed_trace(spans))
    return (
        f"assemble: {spans:,} spans, 1 of 11 an LLM's",
        _per_span(used_s, spans),
        {100_000: "under 4 CPU s", 1_000_000: "under 45 CPU s"}.get(spans, ""),
    )


def assembly_of_llm_spans(spans: int = 100_000) -> Row:
    """The worst case: nothing but model calls, each with its conversation."""
    used_s = _cpu_s(assemble, [_llm_span(number, 600) for number in range(spans)])
    return (f"assemble: {spans:,} LLM spans", _per_span(used_s, spans), "")


def conversion_of_small_trace(rounds: int = 300) -> Row:
    """Spans → payload for a trace as most programs make it: a dozen spans."""
    spans = mixed_trace(12)
    used_s = _cpu_s(lambda told: [payload.encode(assemble(told)) for _ in range(rounds)], spans)
    return ("assemble and encode: 12 spans", _per_span(used_s, rounds * len(spans)), "")


def conversion_of_long_texts(characters: int = 100_000) -> Row:
    """Spans → payload where every model call holds a long conversation."""
    spans = [_llm_span(number, characters) for number in range(100)]
    used_s = _cpu_s(lambda told: payload.encode(assemble(told)), spans)
    return (f"assemble and encode: {characters:,} characters a span", _per_span(used_s, len(spans)), "")


def mixed_trace(spans: int) -> list[Span]:
    """Spans of one trace, eight children to a parent, the first the root."""
    return [
        _llm_span(number, 600) if number % _LLM_EVERY == 1 else _plain_span(number) for number in range(spans)
    ]


def _llm_span(number: int, characters: int) -> Span:
    asked = _message("user", f"{number} why? " + "lorem ipsum " * (characters // 18))
    told = _message("assistant", f"{number} because " + "dolor sit " * (characters // 30))
    return _span(
        number,
        f"chat gpt-5 {number % 7}",
        _GENAI,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5-2026-05-01",
            "gen_ai.response.id": f"resp_{number}",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.usage.input_tokens": 100 + number % 50,
            "gen_ai.usage.output_tokens": 40 + number % 20,
            "gen_ai.usage.cache_read.input_tokens": 0,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.input.messages": json.dumps([asked]),
            "gen_ai.output.messages": json.dumps([told]),
        },
    )


def _plain_span(number: int) -> Span:
    attributes = {
        "http.request.method": "GET",
        "url.full": f"https://example.com/{number}",
        "http.response.status_code": 200,
        "server.address": "example.com",
    }
    return _span(number, "GET", _HTTP, attributes if number % 2 else {"code.function.name": f"step_{number}"})


def _span(number: int, name: str, scope: Scope, attributes: dict[str, Any]) -> Span:
    return Span(
        trace_id=_TRACE_ID,
        span_id=f"{number + 1:016x}",
        name=name,
        parent_id=f"{(number - 1) // _CHILDREN + 1:016x}" if number else None,
        kind=SpanKind.CLIENT,
        start_ns=_START_NS + number * 1_000,
        end_ns=_START_NS + number * 1_000 + 900_000,
        attributes=attributes,
        scope=scope,
        resource=_RESOURCE,
    )


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _cpu_s(work: Callable[[list[Span]], object], spans: list[Span]) -> float:
    started = time.process_time()
    work(spans)
    return time.process_time() - started


def _per_span(used_s: float, spans: int) -> str:
    return f"{used_s:.2f} CPU s, {used_s / spans * 1e6:.1f} µs/span"
