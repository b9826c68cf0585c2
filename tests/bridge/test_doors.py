"""The main job, end to end: real clients send to a real server, and the pages tell the same facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Status, StatusCode

from tests.processes import TracenProcess
from tracen_otel import TracenSpanExporter

PROMPT = "What is the weather in Zürich? 🌦️"
ANSWER = "In Zürich it is 21 °C.\nTake a jacket — 念のため傘も。"
MODEL = "gpt-5-mini-2026-01-01"


def run_agent(exporter: SpanExporter, processor: type[BatchSpanProcessor | SimpleSpanProcessor]) -> str:
    """Record an agent's run (LLM → failing tool → tool → LLM); returns its OTel trace id."""
    provider = TracerProvider(resource=Resource({"service.name": "weather"}), shutdown_on_exit=False)
    provider.add_span_processor(processor(exporter))
    tracer = provider.get_tracer("tests.agent", "1")
    with tracer.start_as_current_span("weather agent") as root:
        root.set_attribute("gen_ai.operation.name", "invoke_agent")
        with tracer.start_as_current_span("chat") as first:
            first.set_attributes(
                chat({"type": "tool_call", "name": "get_weather", "id": "1", "arguments": {}}, 50, 7)
            )
        for attempt in ("", "21 °C"):
            with tracer.start_as_current_span("execute_tool get_weather") as tool:
                tool.set_attributes(
                    {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather"}
                )
                if attempt:
                    tool.set_attribute("gen_ai.tool.call.result", attempt)
                else:
                    tool.set_status(Status(StatusCode.ERROR, "the weather service did not answer"))
        with tracer.start_as_current_span("chat") as last:
            last.set_attributes(chat({"type": "text", "content": ANSWER}, 68, 11))
    provider.shutdown()
    return f"{root.get_span_context().trace_id:032x}"


def chat(answer_part: dict[str, Any], input_tokens: int, output_tokens: int) -> dict[str, Any]:
    question = {"role": "user", "parts": [{"type": "text", "content": PROMPT}]}
    answer = {"role": "assistant", "parts": [answer_part], "finish_reason": "stop"}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.response.model": MODEL,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.input.messages": json.dumps([question]),
        "gen_ai.output.messages": json.dumps([answer], ensure_ascii=False),
    }


def page_of(tracen: TracenProcess, otel_trace_id: str) -> tuple[dict[str, Any], str]:
    """The JSON and the HTML of a trace's page."""
    by_otel = f"{tracen.http}/api/traces/by-otel/{otel_trace_id}"
    with httpx2.Client(trust_env=False, timeout=30) as client:
        url = client.get(by_otel, headers={"x-tracen-key": tracen.key}).raise_for_status().json()["url"]
        told: dict[str, Any] = client.get(f"{url}.json").raise_for_status().json()
        return told, client.get(url).raise_for_status().text


DOORS: dict[str, Callable[[TracenProcess], SpanExporter]] = {
    "otlp-grpc": lambda t: GrpcExporter(t.otlp_grpc, insecure=True, headers={"x-tracen-key": t.key}),
    "otlp-http": lambda t: HttpExporter(
        f"{t.otlp_http}/v1/traces", headers={"authorization": f"Bearer {t.key}"}
    ),
    "otlp-http-gzip-main-port": lambda t: HttpExporter(
        f"{t.http}/v1/traces", headers={"x-tracen-key": t.key}, compression=Compression.Gzip
    ),
    "exporter": lambda t: TracenSpanExporter(endpoint=t.http, key=t.key),
}


@pytest.mark.parametrize("processor", [BatchSpanProcessor, SimpleSpanProcessor])
@pytest.mark.parametrize("door", DOORS)
def test_door_leads_to_the_same_facts(
    tracen: TracenProcess, door: str, processor: type[BatchSpanProcessor | SimpleSpanProcessor]
) -> None:
    """Whatever spans came over, their page tells prompt, answer, steps, tokens and failures alike."""
    otel_trace_id = run_agent(DOORS[door](tracen), processor)
    told, html = page_of(tracen, otel_trace_id)
    assert {name: told[name] for name in ("prompt", "response", "provider", "model", "status")} == {
        "prompt": PROMPT,
        "response": ANSWER,
        "provider": "openai",
        "model": MODEL,
        "status": "success",
    }
    assert (told["input_tokens"], told["output_tokens"]) == (118, 18)
    assert told["otel_trace_id"] == otel_trace_id
    assert told["service_name"] == "weather"
    agent, *steps = told["steps"]
    assert [(s["kind"], s["status"], s.get("error_message")) for s in steps] == [
        ("llm", "success", None),
        ("tool", "error", "the weather service did not answer"),
        ("tool", "success", None),
        ("llm", "success", None),
    ]
    assert {s["parent_id"] for s in steps} == {agent["id"]}
    assert all(text in html for text in (PROMPT, "Take a jacket — 念のため傘も。", "get_weather", MODEL))


def test_doors_of_one_account_share_the_page_of_a_trace(tracen: TracenProcess) -> None:
    """The same trace through OTLP and through the exporter is one page, each step on it once."""
    provider = TracerProvider(shutdown_on_exit=False)
    for door in ("otlp-grpc", "exporter"):
        provider.add_span_processor(SimpleSpanProcessor(DOORS[door](tracen)))
    tracer = provider.get_tracer("tests.agent")
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("chat") as child:
        child.set_attributes(chat({"type": "text", "content": ANSWER}, 5, 3))
    provider.shutdown()
    otel_trace_id = f"{root.get_span_context().trace_id:032x}"
    told, _ = page_of(tracen, otel_trace_id)
    assert [step["name"] for step in told["steps"]] == ["root", "chat"]
    assert (told["input_tokens"], told["output_tokens"], told["response"]) == (5, 3, ANSWER)


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_log_events_bring_prompt_and_answer_to_their_span(tracen: TracenProcess, transport: str) -> None:
    """Instrumentations that keep content off spans send it as log records: the page shows it all the same."""
    log_exporter: GrpcLogExporter | HttpLogExporter
    if transport == "grpc":
        span_exporter, log_exporter = (
            DOORS["otlp-grpc"](tracen),
            GrpcLogExporter(tracen.otlp_grpc, insecure=True, headers={"x-tracen-key": tracen.key}),
        )
    else:
        span_exporter, log_exporter = (
            DOORS["otlp-http"](tracen),
            HttpLogExporter(f"{tracen.otlp_http}/v1/logs", headers={"x-tracen-key": tracen.key}),
        )
    spans, logs = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
    spans.add_span_processor(SimpleSpanProcessor(span_exporter))
    logs.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
    with spans.get_tracer("tests.agent").start_as_current_span("chat gpt-5") as span:
        told = chat({"type": "text", "content": ANSWER}, 5, 3)
        content = {key: told.pop(key) for key in ("gen_ai.input.messages", "gen_ai.output.messages")}
        span.set_attributes(told)
        logs.get_logger("tests.agent").emit(
            LogRecord(event_name="gen_ai.client.inference.operation.details", attributes=content)
        )
    logs.shutdown()
    spans.shutdown()
    otel_trace_id = f"{span.get_span_context().trace_id:032x}"
    told, _ = page_of(tracen, otel_trace_id)
    assert (told["prompt"], told["response"], told["input_tokens"]) == (PROMPT, ANSWER, 5)


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_metrics_are_answered_and_not_kept(tracen: TracenProcess, transport: str) -> None:
    """An application that points its whole OTLP endpoint here sees no errors."""
    headers = {"x-tracen-key": tracen.key}
    exporter: GrpcMetricExporter | HttpMetricExporter = (
        GrpcMetricExporter(tracen.otlp_grpc, insecure=True, headers=headers)
        if transport == "grpc"
        else HttpMetricExporter(f"{tracen.otlp_http}/v1/metrics", headers=headers)
    )
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("tests").create_counter("calls").add(1)
    metrics = reader.get_metrics_data()
    assert metrics is not None
    assert exporter.export(metrics) is MetricExportResult.SUCCESS
    exporter.shutdown()
    provider.shutdown()
