"""OTLP load: bodies built beforehand, sent over several connections, ids fresh in every request."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processes import TracenProcess

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
START_NS = 1_800_000_000_000_000_000
SMALL: dict[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 45,
}


def llm_attributes(text_bytes: int = 2000) -> dict[str, str | int]:
    """The attributes of a model call whose question and answer have `text_bytes` together."""
    question, answer = os.urandom(text_bytes // 3).hex(), os.urandom(text_bytes // 6).hex()
    asked = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    told = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    return SMALL | {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps(told)}


@dataclass(slots=True)
class Load:
    """`requests` bodies of `spans` spans in `traces` traces each."""

    attributes: dict[str, str | int]
    spans: int = 512
    traces: int = 64
    requests: int = 200
    bodies: list[bytes] = field(init=False)
    trace_ids: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        trace_ids = [os.urandom(16) for _ in range(self.traces)]
        span_ids = [os.urandom(8) for _ in range(self.spans)]
        body = self._request(trace_ids, span_ids)
        self.bodies, self.trace_ids = [], []
        for number in range(1, self.requests + 1):
            stamp, stamped = number.to_bytes(4, "big"), body
            for one in (*trace_ids, *span_ids):
                stamped = stamped.replace(one, stamp + one[4:])
            self.bodies.append(stamped)
            self.trace_ids += [stamp + trace_id[4:] for trace_id in trace_ids]

    def _request(self, trace_ids: list[bytes], span_ids: list[bytes]) -> bytes:
        request = ExportTraceServiceRequest()
        scope_spans = request.resource_spans.add().scope_spans.add()
        root_by_trace: dict[bytes, bytes] = {}
        for number, (trace_id, span_id) in enumerate(zip(itertools.cycle(trace_ids), span_ids, strict=False)):
            span = scope_spans.spans.add(trace_id=trace_id, span_id=span_id, name="chat gpt-5", kind=3)
            span.parent_span_id = root_by_trace.setdefault(trace_id, b"")
            root_by_trace[trace_id] = root_by_trace[trace_id] or span_id
            span.start_time_unix_nano = START_NS + number * 1_000_000
            span.end_time_unix_nano = span.start_time_unix_nano + 900_000_000
            for key, value in self.attributes.items():
                attribute = span.attributes.add(key=key)
                if isinstance(value, int):
                    attribute.value.int_value = value
                else:
                    attribute.value.string_value = value
        body: bytes = request.SerializeToString()
        return body


def over_grpc(tracen: TracenProcess) -> Callable[[bytes], None]:
    """A connection of its own; the call raises unless the request was acknowledged."""
    options = [("grpc.max_send_message_length", 1 << 28), ("grpc.use_local_subchannel_pool", 1)]
    call = grpc.insecure_channel(tracen.otlp_grpc, options=options).unary_unary(EXPORT)
    metadata = (("x-tracen-key", tracen.key),)
    return lambda body: call(body, timeout=60, metadata=metadata)


def over_http(tracen: TracenProcess) -> Callable[[bytes], None]:
    """A connection of its own; the call raises unless the request was acknowledged."""
    connection = http.client.HTTPConnection(tracen.otlp_http.removeprefix("http://"), timeout=60)
    headers = {"content-type": "application/x-protobuf", "x-tracen-key": tracen.key}

    def send(body: bytes) -> None:
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        if answer.read() or answer.status != 200:
            raise RuntimeError(f"HTTP {answer.status}")

    return send


def send_all(
    connect: Callable[[], Callable[[bytes], None]], bodies: Sequence[bytes], connections: int
) -> None:
    """Send every body once, over several connections at a time. Raises the first error."""
    waiting = iter(bodies)
    lock = threading.Lock()
    errors: list[Exception] = []

    def work() -> None:
        send = connect()
        while not errors:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            try:
                send(body)
            except Exception as error:  # told to the caller below
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
