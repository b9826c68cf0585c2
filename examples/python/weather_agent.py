"""OTLP with OpenTelemetry's own exporter: nothing of Tracen in the program, and its page all the same.

    pip install opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp==1.45.2
    export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
    python examples/python/weather_agent.py

More of the environment: TRACEN_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (grpc, or http/protobuf).
"""

import json
import os
from typing import Any

import urllib3
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

over_grpc = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") == "grpc"
provider = TracerProvider(resource=Resource.create({"service.name": "weather-agent-python"}))
provider.add_span_processor(BatchSpanProcessor(GrpcExporter() if over_grpc else HttpExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("weather-agent")

MODEL = "gpt-5-mini"
QUESTION = "What is the weather in Paris?"


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def chat(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """One call of the model: here it knows two answers; yours goes over the network."""
    with tracer.start_as_current_span(f"chat {MODEL}", kind=SpanKind.CLIENT) as span:
        if len(messages) == 1:
            call = {
                "type": "tool_call",
                "id": "call_1",
                "name": "get_weather",
                "arguments": {"city": "Paris"},
            }
            answer, finish, used = {"role": "assistant", "parts": [call]}, "tool_call", (42, 17)
        else:
            answer, finish, used = text("assistant", "It is 18 °C and sunny in Paris."), "stop", (78, 14)
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": MODEL,
                "gen_ai.response.model": MODEL,
                "gen_ai.response.finish_reasons": [finish],
                "gen_ai.usage.input_tokens": used[0],
                "gen_ai.usage.output_tokens": used[1],
                "gen_ai.input.messages": json.dumps(messages),
                "gen_ai.output.messages": json.dumps([{**answer, "finish_reason": finish}]),
            }
        )
        return answer


def get_weather(call_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A tool that the model asked for."""
    with tracer.start_as_current_span("execute_tool get_weather") as span:
        result = {"temperature_c": 18, "sky": "sunny"}
        span.set_attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_weather",
                "gen_ai.tool.call.id": call_id,
                "gen_ai.tool.call.arguments": json.dumps(arguments),
                "gen_ai.tool.call.result": json.dumps(result),
            }
        )
        return result


def send_postcard(message: str) -> None:
    """A tool that fails: the span records the exception, and its status becomes an error."""
    with tracer.start_as_current_span("execute_tool send_postcard", set_status_on_exception=False) as span:
        span.set_attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "send_postcard",
                "gen_ai.tool.call.arguments": json.dumps({"message": message}),
                "error.type": "RuntimeError",
            }
        )
        span.set_status(trace.StatusCode.ERROR, "no stamps left")
        raise RuntimeError("no stamps left")


def page_of(trace_id: str) -> str:
    """Ask Tracen where the trace is shown."""
    endpoint = os.environ.get("TRACEN_ENDPOINT", "http://127.0.0.1:8000")
    reply = urllib3.request(
        "GET",
        f"{endpoint}/api/traces/by-otel/{trace_id}",
        headers={"X-Tracen-Key": os.environ["TRACEN_KEY"]},
    )
    return str(reply.json()["url"])


with tracer.start_as_current_span("invoke_agent weather_agent") as root:
    root.set_attributes(
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "weather_agent",
            "gen_ai.provider.name": "openai",
        }
    )
    conversation = [text("user", QUESTION)]
    asked = chat(conversation)
    call = asked["parts"][0]
    response = get_weather(call["id"], call["arguments"])
    told = {"type": "tool_call_response", "id": call["id"], "response": response}
    conversation += [asked, {"role": "tool", "parts": [told]}]
    answer = chat(conversation)
    try:
        send_postcard(answer["parts"][0]["content"])
    except RuntimeError as error:
        print(f"No postcard: {error}")  # a failed tool does not fail the run

provider.shutdown()  # sends what is not out yet
print(page_of(trace.format_trace_id(root.get_span_context().trace_id)))
