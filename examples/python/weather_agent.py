"""OTLP with OpenTelemetry's own exporters: nothing of Tracen in the program, and its page all the same.

    pip install opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp==1.45.2 urllib3
    export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
    python examples/python/weather_agent.py

Also read: TRACEN_ENDPOINT, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (grpc, or http/protobuf).
"""

import json
import os
import sys
import time
from typing import Any

import urllib3
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MODEL = "gpt-5-mini"

EXPORTERS = {"grpc": GrpcExporter, "http/protobuf": HttpExporter}
PAGE_WAIT_S = 5

asked = (os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("TRACES_PROTOCOL", "PROTOCOL"))
protocol = next(filter(None, asked), "grpc")
if protocol not in EXPORTERS:
    sys.exit(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; known are: {', '.join(EXPORTERS)}")
resource = Resource.create({"service.name": "weather-agent-python"})
provider = TracerProvider(
    resource=resource.merge(OTELResourceDetector().detect())
)  # the environment can rename it
provider.add_span_processor(BatchSpanProcessor(EXPORTERS[protocol]()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("weather-agent")


def chat(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """A call of the model: this one waits a moment and knows two answers, yours goes over the network."""
    about = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.input.messages": json.dumps(messages),
    }
    with tracer.start_as_current_span(f"chat {MODEL}", kind=trace.SpanKind.CLIENT, attributes=about) as span:
        time.sleep(0.03)
        call = {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}
        text = {"type": "text", "content": "It is 18 °C and sunny in Paris."}
        first = len(messages) == 1
        part, finish_reason, used = (call, "tool_call", (42, 17)) if first else (text, "stop", (78, 14))
        answer = {"role": "assistant", "parts": [part]}
        span.set_attributes(
            {
                "gen_ai.response.model": MODEL,
                "gen_ai.response.finish_reasons": [finish_reason],
                "gen_ai.usage.input_tokens": used[0],
                "gen_ai.usage.output_tokens": used[1],
                "gen_ai.output.messages": json.dumps([answer]),
            }
        )
        return answer


def get_weather(call_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A tool that the model asks for."""
    about = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_weather",
        "gen_ai.tool.call.id": call_id,
        "gen_ai.tool.call.arguments": json.dumps(arguments),
    }
    with tracer.start_as_current_span("execute_tool get_weather", attributes=about) as span:
        time.sleep(0.01)
        weather = {"temperature_c": 18, "sky": "sunny"}
        span.set_attribute("gen_ai.tool.call.result", json.dumps(weather))
        return weather


def send_postcard(text: str) -> None:
    """A tool that fails: what is raised in a span is recorded on it."""
    about = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "send_postcard",
        "gen_ai.tool.call.arguments": json.dumps({"text": text}),
    }
    with tracer.start_as_current_span("execute_tool send_postcard", attributes=about) as span:
        span.set_attribute("error.type", "OSError")
        raise OSError("no stamps left")


def run_agent(question: str) -> tuple[str, str]:
    """Answer a question; also tells the id of the trace."""
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "weather_agent",
    }
    with tracer.start_as_current_span("invoke_agent weather_agent", attributes=about) as span:
        messages = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
        wanted = chat(messages)
        call = wanted["parts"][0]
        weather = get_weather(call["id"], call["arguments"])
        result = {"type": "tool_call_response", "id": call["id"], "response": weather}
        messages += [wanted, {"role": "tool", "parts": [result]}]
        answer = chat(messages)["parts"][0]["content"]
        try:
            send_postcard(answer)
        except OSError as error:
            print(f"No postcard: {error}")
        return answer, trace.format_trace_id(span.get_span_context().trace_id)


def page_of(trace_id: str) -> str:
    """Ask Tracen where a trace is shown, for some seconds: through a Collector it comes a little later."""
    url = os.environ.get("TRACEN_ENDPOINT", "http://127.0.0.1:8000") + f"/api/traces/by-otel/{trace_id}"
    if "TRACEN_KEY" not in os.environ:
        raise LookupError("TRACEN_KEY is not set")
    deadline = time.monotonic() + PAGE_WAIT_S
    while True:
        reply = urllib3.request("GET", url, headers={"X-Tracen-Key": os.environ["TRACEN_KEY"]}, retries=False)
        if reply.status == 200:
            return str(reply.json()["url"])
        if reply.status != 404 or time.monotonic() > deadline:
            raise LookupError(f"{url} answers {reply.status}: {reply.data.decode()}")
        time.sleep(0.25)


try:
    answer, trace_id = run_agent("What is the weather in Paris?")
    print(answer)
finally:
    provider.shutdown()  # sends what is not out yet; that it could not is logged, and changes nothing
try:
    print(page_of(trace_id))
except (LookupError, urllib3.exceptions.HTTPError) as error:
    print(f"No page of trace {trace_id}: {error}. `tracen doctor` tells what is wrong.", file=sys.stderr)
