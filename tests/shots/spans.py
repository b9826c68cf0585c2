"""OTLP requests written by hand: a night's work with noise, a run that is still going, traces for benchmarks."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.shots import texts

MS = 1_000_000
PER_REQUEST = 2_000
_SCOPE_BY_PREFIX = {
    "gen_ai": "opentelemetry.instrumentation.openai_v2",
    "http": "opentelemetry.instrumentation.httpx",
    "db": "opentelemetry.instrumentation.asyncpg",
}

Value = str | int | float


@dataclass
class Recorder:
    """Collects the spans of one trace and gives them out in requests."""

    service: str
    start_ns: int = field(default_factory=lambda: time.time_ns() - 900_000 * MS)
    trace_id: bytes = field(default_factory=lambda: os.urandom(16))
    spans: list[Span] = field(default_factory=list)

    def add(self, name: str, at_ms: int, ms: int, parent: bytes = b"", **more: Value) -> bytes:
        """A span `at_ms` after the start; more are attributes, `__` for the dot. Returns its id."""
        span = Span(trace_id=self.trace_id, span_id=os.urandom(8), name=name, parent_span_id=parent)
        span.start_time_unix_nano = self.start_ns + at_ms * MS
        span.end_time_unix_nano = span.start_time_unix_nano + ms * MS
        for key, value in more.items():
            told = span.attributes.add(key=key.replace("__", ".")).value
            if isinstance(value, str):
                told.string_value = value
            elif isinstance(value, int):
                told.int_value = value
            else:
                told.double_value = value
        self.spans.append(span)
        return span.span_id

    def fail(self, message: str) -> None:
        """Let the last span end in an error."""
        self.spans[-1].status.code, self.spans[-1].status.message = Status.STATUS_CODE_ERROR, message

    def chat(self, at_ms: int, ms: int, parent: bytes, asked: str, told: str, model: str = "gpt-5") -> bytes:
        """A model call with its question and its answer."""
        return self.add(
            f"chat {model}",
            at_ms,
            ms,
            parent,
            gen_ai__operation__name="chat",
            gen_ai__provider__name="openai",
            gen_ai__request__model=model,
            gen_ai__usage__input_tokens=len(asked) // 4 + 900,
            gen_ai__usage__output_tokens=len(told) // 4,
            gen_ai__input__messages=message("user", asked),
            gen_ai__output__messages=message("assistant", told),
        )

    def tool(self, name: str, at_ms: int, ms: int, parent: bytes, asked: object, told: object) -> bytes:
        """A tool that was executed, with arguments and result as JSON."""
        return self.add(
            f"execute_tool {name}",
            at_ms,
            ms,
            parent,
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name=name,
            gen_ai__tool__call__arguments=json.dumps(asked),
            gen_ai__tool__call__result=json.dumps(told),
        )

    def agent(self, name: str, at_ms: int, ms: int, parent: bytes = b"") -> bytes:
        """An agent's span, which tells no content itself."""
        return self.add(
            f"invoke_agent {name}",
            at_ms,
            ms,
            parent,
            gen_ai__operation__name="invoke_agent",
            gen_ai__agent__name=name,
        )

    def requests(self) -> Iterator[ExportTraceServiceRequest]:
        """All spans, some thousands a request."""
        for first in range(0, len(self.spans), PER_REQUEST):
            request = ExportTraceServiceRequest()
            resource = request.resource_spans.add()
            resource.resource.attributes.add(key="service.name").value.string_value = self.service
            by_scope: dict[str, list[Span]] = {}
            for span in self.spans[first : first + PER_REQUEST]:
                by_scope.setdefault(_scope_of(span), []).append(span)
            for scope, spans in by_scope.items():
                scope_spans = resource.scope_spans.add()
                scope_spans.scope.name = scope
                scope_spans.spans.extend(spans)
            yield request


def message(role: str, text: str) -> str:
    """One turn as the GenAI conventions write it."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)


def _scope_of(span: Span) -> str:
    first = span.attributes[0].key.partition(".")[0] if span.attributes else ""
    return _SCOPE_BY_PREFIX.get(first, "invoices.nightly")


def night_of_invoices(steps: int = 5_000) -> Iterator[ExportTraceServiceRequest]:
    """An agent that checked a night's invoices: a few hundred model calls among HTTP and database spans."""
    chance, told = random.Random(7), Recorder("invoice-checker")
    root, at_ms = told.agent("invoice-checker", 0, 1), 40
    while len(told.spans) < steps:
        at_ms = _check_invoice(told, root, at_ms, 1 + len(told.spans) // 14, chance)
    del told.spans[steps:]
    told.spans[0].end_time_unix_nano = told.start_ns + (at_ms + 400) * MS
    return told.requests()


def _check_invoice(told: Recorder, root: bytes, at_ms: int, number: int, chance: random.Random) -> int:
    """One invoice: read it, ask the model, look the order up, write the verdict. Returns when it was done."""
    invoice, vendor = f"INV-{20_400 + number}", texts.VENDORS[number % len(texts.VENDORS)]
    amount = chance.randrange(4_000, 900_000) / 100
    task = told.add(f"check {invoice}", at_ms, 1_900, root, code__function__name="check_invoice")
    for n in range(3):
        told.add(
            "SELECT invoices.orders",
            at_ms + 5 + 9 * n,
            6,
            task,
            db__system__name="postgresql",
            db__namespace="erp",
            db__query__text="SELECT id, vendor, total FROM orders WHERE invoice = $1",
        )
    told.add(
        f"GET /invoices/{invoice}.pdf",
        at_ms + 40,
        110 + chance.randrange(90),
        task,
        http__request__method="GET",
        url__full=f"https://archive.example.com/invoices/{invoice}.pdf",
        http__response__status_code=200,
    )
    asked, answer = texts.invoice_question(invoice, vendor, amount), texts.invoice_verdict(invoice, amount)
    call = told.chat(at_ms + 260, 1_100, task, asked, answer)
    told.add("POST", at_ms + 265, 1_080, call, http__request__method="POST", server__address="api.openai.com")
    order = {"purchase_order": f"PO-{number % 97 + 8_800}", "vendor": vendor}
    lookup = told.tool("find_purchase_order", at_ms + 1_380, 240, task, order, {**order, "total": amount})
    for n in range(4):
        told.add(
            "SELECT erp.purchase_orders", at_ms + 1_390 + 50 * n, 31, lookup, db__system__name="postgresql"
        )
    if number % 61 == 0:
        told.fail("TimeoutError: the pool gave no connection within 30 s")
    told.add("INSERT invoices.verdicts", at_ms + 1_700, 12, task, db__system__name="postgresql")
    return at_ms + 1_950


def running_research() -> Iterator[ExportTraceServiceRequest]:
    """What has arrived of a run whose root span has not ended, and so was not sent."""
    told = Recorder("field-notes", start_ns=time.time_ns() - 42_000 * MS)
    root = os.urandom(8)
    told.chat(300, 4_100, root, texts.RESEARCH_QUESTION, texts.RESEARCH_PLAN)
    for n, (query, found) in enumerate(texts.RESEARCH_SEARCHES):
        told.tool("search_papers", 4_500 + 2_600 * n, 2_300, root, {"query": query}, {"found": found})
    told.chat(13_100, 6_900, root, texts.RESEARCH_FOLLOW_UP, texts.RESEARCH_NOTE)
    return told.requests()


def many_steps(
    steps: int, *, llm_every: int = 1, text_bytes: int = 600
) -> Iterator[ExportTraceServiceRequest]:
    """One trace of model calls, or with a model call among every `llm_every` spans; eight children a parent."""
    told = Recorder("bench")
    ids: list[bytes] = [told.agent("bench", 0, steps + 900)]
    asked = (texts.ADVICE * (1 + text_bytes // len(texts.ADVICE)))[: text_bytes * 2 // 3]
    for number in range(1, steps):
        parent = ids[(number - 1) // 8]
        if number % llm_every == 0:
            ids.append(told.chat(number, 900, parent, f"{number}. {asked}", asked[: text_bytes // 3]))
        else:
            ids.append(
                told.add("GET", number, 9, parent, http__request__method="GET", url__path=f"/{number}")
            )
        if len(told.spans) >= PER_REQUEST:
            yield from told.requests()
            told.spans.clear()
    yield from told.requests()
