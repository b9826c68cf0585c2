"""The program that is measured: an agent that makes spans, and what exporting them costs it.

A process of its own for each exporter, which imports nothing that it does not measure. Its threads' CPU time is
exact: all of the process less that of the thread that makes the spans, threads that have ended included.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Tracer

from tests.bench.sink import Counters

KEY = "tracen_sk_bench000000000000000000000000000"
MOST_AHEAD, LEAST_AHEAD = 960, 620
"""Spans made that have not arrived: at the most the program waits until it is the least.

Both are more than a batch of 512 with a trace of 100, and fewer than any queue here holds.
"""
QUICK_DELAY_MS = 50
_WARM_UP_SPANS = 300
_LOOK_EVERY_S = 0.005
_LONGEST_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Shape:
    """What a trace is made of: after the root come these kinds of spans, over and over."""

    name: str
    spans: int
    pattern: tuple[str, ...]


_AGENT = ("chat", "chat", "tool")
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("1 model call", 1, ("chat",)),
        Shape("agent of 10", 10, _AGENT),
        Shape("agent of 30", 30, _AGENT),
        Shape("agent of 100", 100, _AGENT),
        Shape("mixed, 20", 20, ("chat", "http", "tool", "http")),
    )
}


@dataclass(frozen=True, slots=True)
class Task:
    """What a run does. `exporter`: tracen, otlp, none (spans are thrown away) or held (they are kept)."""

    shape: str
    spans: int
    exporter: str = "none"
    endpoint: str = ""
    counters: str = ""
    """The file of the sink's counts; "" where nothing will arrive."""
    gzip: bool = False
    warm_up: bool = True
    held_spans: int = 0
    held_text_chars: int = 0
    pause_s: float = 0.0
    """After each span, beside a batch processor that is as much faster than by default as such a program is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost; CPU and wall time in seconds.

    `own_*` are of the thread that makes spans while it does, `shutdown_s` while it ends, `worker_s` of all
    other threads until then, `whole_s` of the process from its start.
    """

    spans: int
    worker_s: float
    own_s: float
    own_wall_s: float
    shutdown_s: float
    whole_s: float
    peak_kb: int
    sent: dict[str, int]


# -- spans --------------------------------------------------------------------------------------------


class _SeededIds(IdGenerator):
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def generate_span_id(self) -> int:
        return self._chance.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._chance.getrandbits(128) or 1


class Agent:
    """Makes traces of one shape, the same ones for the same seed. No two of its texts are the same."""

    def __init__(self, shape: Shape, chance: random.Random, pause_s: float) -> None:
        self._shape = shape
        self._pause_s = pause_s
        self._chance = chance
        self._prose = _prose(chance)
        self._number = 0

    def run(self, tracer: Tracer) -> None:
        """Make one trace, each span inside the root."""
        self._number += 1
        if self._shape.spans == 1:
            self._step(tracer, "chat")
            return
        with tracer.start_as_current_span("invoke_agent planner", kind=SpanKind.INTERNAL) as root:
            root.set_attributes(self._agent_attributes())
            for number in range(self._shape.spans - 1):
                self._step(tracer, self._shape.pattern[number % len(self._shape.pattern)])

    def _step(self, tracer: Tracer, kind: str) -> None:
        name, span_kind, attributes = _STEPS[kind]
        with tracer.start_as_current_span(name, kind=span_kind) as span:
            for key, value in attributes(self).items():
                span.set_attribute(key, value)
        if self._pause_s:
            time.sleep(self._pause_s)

    def text(self, characters: int) -> str:
        at = self._chance.randrange(len(self._prose) - characters)
        return f"{self._chance.getrandbits(32):08x} {self._prose[at : at + characters - 9]}"

    def _agent_attributes(self) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "openai",
            "gen_ai.agent.name": "planner",
            "gen_ai.conversation.id": f"conv_{self._number}",
            "gen_ai.request.model": "gpt-5",
        }

    def chat_attributes(self) -> dict[str, Any]:
        """A model call by the GenAI conventions: 14 attributes, 2 kB of them messages."""
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 4096,
            "gen_ai.response.model": "gpt-5-2026-05-01",
            "gen_ai.response.id": f"resp_{self._chance.getrandbits(96):024x}",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 350 + self._chance.randrange(100),
            "gen_ai.usage.output_tokens": 90 + self._chance.randrange(50),
            "server.address": "api.openai.com",
            "server.port": 443,
            "gen_ai.input.messages": _messages(("system", self.text(300)), ("user", self.text(1000))),
            "gen_ai.output.messages": _messages(("assistant", self.text(450)), finish_reason="stop"),
        }

    def tool_attributes(self) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": f"call_{self._chance.getrandbits(96):024x}",
            "gen_ai.tool.call.arguments": json.dumps({"query": self.text(60), "limit": 10}),
            "gen_ai.tool.call.result": json.dumps({"hits": [self.text(200), self.text(200)]}),
        }

    def http_attributes(self) -> dict[str, Any]:
        return {
            "http.request.method": "GET",
            "url.full": f"https://example.com/documents/{self._chance.getrandbits(32)}",
            "http.response.status_code": 200,
            "server.address": "example.com",
            "server.port": 443,
            "network.protocol.version": "1.1",
        }


_STEPS: dict[str, tuple[str, SpanKind, Callable[[Agent], dict[str, Any]]]] = {
    "chat": ("chat gpt-5", SpanKind.CLIENT, Agent.chat_attributes),
    "tool": ("execute_tool search", SpanKind.INTERNAL, Agent.tool_attributes),
    "http": ("GET", SpanKind.CLIENT, Agent.http_attributes),
}


def _messages(*told: tuple[str, str], **more: str) -> str:
    """Messages as instrumentations write them: compact, in ASCII."""
    messages = [{"role": role, "parts": [{"type": "text", "content": text}]} | more for role, text in told]
    return json.dumps(messages, separators=(",", ":"))


def _prose(chance: random.Random, words: int = 20_000) -> str:
    """Text with line ends, quotes and a few characters beyond ASCII, that packs about as well as English does."""
    syllables = [a + b for a in "bcdfglmnprst" for b in ("a", "e", "i", "o", "un", "er", "al")]
    vocabulary = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(1_500)]
    shares = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    chosen = chance.choices(vocabulary, shares, k=words)
    marks = chance.choices((" ", ", ", ".\n", ' "', '" ', " — "), (80, 8, 6, 2, 2, 1), k=words)
    return "".join(word + mark for word, mark in zip(chosen, marks, strict=True))


# -- exporters ----------------------------------------------------------------------------------------


class _Held(SpanProcessor):
    """Keeps the last spans up to some bounds, and does nothing else: what a buffer of that size takes."""

    def __init__(self, spans: int, text_chars: int) -> None:
        self._most_spans = spans
        self._most_text_chars = text_chars
        self._spans = deque[ReadableSpan]()
        self._text_chars = 0

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)
        self._text_chars += _text_chars(span)
        while len(self._spans) > self._most_spans or self._text_chars > self._most_text_chars:
            self._text_chars -= _text_chars(self._spans.popleft())


def _text_chars(span: ReadableSpan) -> int:
    return sum(len(value) for value in (span.attributes or {}).values() if isinstance(value, str))


def _processor(task: Task) -> SpanProcessor:
    if task.exporter == "none":
        return SpanProcessor()
    if task.exporter == "held":
        return _Held(task.held_spans, task.held_text_chars)
    exporter = _tracen(task) if task.exporter == "tracen" else _otlp(task)
    return BatchSpanProcessor(exporter, schedule_delay_millis=QUICK_DELAY_MS if task.pause_s else None)


def _tracen(task: Task) -> SpanExporter:
    import tracen_otel

    if task.gzip:
        _pack_bodies()
    return tracen_otel.TracenSpanExporter(endpoint=task.endpoint, key=KEY, shutdown_timeout=_LONGEST_WAIT_S)


def _pack_bodies() -> None:
    """There is no setting for what is so by itself where the server is not on this machine."""
    from functools import partial

    from tracen_otel import client, delivery

    vars(delivery)["TracenClient"] = partial(client.TracenClient, compress=True)


def _otlp(task: Task) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    compression = Compression.Gzip if task.gzip else Compression.NoCompression
    return OTLPSpanExporter(endpoint=f"{task.endpoint}/v1/traces", compression=compression)


# -- the run ------------------------------------------------------------------------------------------


class _Progress:
    """How far what was made is ahead of what has arrived."""

    def __init__(self, task: Task) -> None:
        self._is_sent = bool(task.counters) and task.exporter in ("tracen", "otlp")
        self._counters = Counters(Path(task.counters)) if self._is_sent else None
        self._before = self._counters.all() if self._counters else {}

    def sent(self) -> dict[str, int]:
        now = self._counters.all() if self._counters else {}
        return {name: number - self._before[name] for name, number in now.items()}

    def keep_up(self, made: int) -> None:
        """Wait where too much is on its way. Raises TimeoutError."""
        if self._is_sent and self.sent()["spans"] < made - MOST_AHEAD:
            self.wait_for(made - LEAST_AHEAD)

    def wait_for(self, spans: int) -> None:
        """Wait until so many have arrived. Raises TimeoutError."""
        deadline_s = time.monotonic() + _LONGEST_WAIT_S
        while self._is_sent and (arrived := self.sent()["spans"]) < spans:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{spans} spans were to arrive, {arrived} did")
            time.sleep(_LOOK_EVERY_S)


def _measured(task: Task, seed: int) -> Cost:
    """Make the spans, in whole traces, at most MOST_AHEAD spans ahead of what has arrived, and end in order."""
    shape, progress, chance = SHAPES[task.shape], _Progress(task), random.Random(seed)
    traces = max(1, task.spans // shape.spans)
    agent = Agent(shape, chance, task.pause_s)
    provider = TracerProvider(
        id_generator=_SeededIds(chance),
        resource=Resource.create({"service.name": "bench"}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(_processor(task))
    tracer = provider.get_tracer("opentelemetry.instrumentation.openai_v2", "2.3b0")
    process_s, thread_s = time.process_time(), time.thread_time()
    own_s = own_wall_s = 0.0
    for number in range(1, traces + 1):
        began_wall_s, began_s = time.perf_counter(), time.thread_time()
        agent.run(tracer)
        own_s += time.thread_time() - began_s
        own_wall_s += time.perf_counter() - began_wall_s
        progress.keep_up(number * shape.spans)
    shutdown_s = time.thread_time()
    provider.shutdown()
    shutdown_s = time.thread_time() - shutdown_s
    process_s, thread_s = time.process_time() - process_s, time.thread_time() - thread_s
    spans = traces * shape.spans
    progress.wait_for(spans)
    return Cost(
        spans=spans,
        worker_s=process_s - thread_s,
        own_s=own_s,
        own_wall_s=own_wall_s,
        shutdown_s=shutdown_s,
        whole_s=time.process_time(),
        peak_kb=_peak_kb(),
        sent=progress.sent(),
    )


def _peak_kb() -> int:
    """What was resident at most (proc(5), VmHWM: of this program alone, unlike `ru_maxrss`)."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def main() -> None:
    task = Task(**json.loads(sys.argv[1]))
    if task.warm_up:
        _measured(replace(task, spans=_WARM_UP_SPANS, pause_s=0.0), seed=0)
    sys.stdout.write(json.dumps(asdict(_measured(task, seed=1))))


if __name__ == "__main__":
    main()
