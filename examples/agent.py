"""A small agent, traced: it asks a model, runs the tools the model wants, and gives the model's answer.

It runs twice, once for each way to Tracen, and prints the URL of each page on a line of its own:
first through TracenSpanExporter in this process, then over OTLP with OpenTelemetry's own exporter.
`make run` starts everything it needs. By hand, it reads the usual environment variables:

    OPENAI_BASE_URL, OPENAI_API_KEY                     the model
    TRACEN_ENDPOINT, TRACEN_KEY                         Tracen
    OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS              Tracen's OTLP door; x-tracen-key=…
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import openai
import urllib3
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Tracer, format_trace_id

from tracen_otel import TracenSpanExporter

QUESTION = "Where is it warmer today, in Lisbon or in Oslo?"
MODEL = os.environ.get("OPENAI_MODEL", "tracen-example-1")

# -- the agent: an ordinary program that knows nothing of Tracen ---------------------------------------

CELSIUS_BY_CITY = {"Lisbon": 24, "Nairobi": 26, "Oslo": 7}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "temperature",
            "description": "Today's temperature in a city, in degrees Celsius.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "enum": list(CELSIUS_BY_CITY)}},
                "required": ["city"],
            },
        },
    }
]


def run_agent(question: str, tracer: Tracer) -> tuple[str, str]:
    """Answer a question; also tells the OTel trace id of the run."""
    client = openai.OpenAI()
    messages: list[Any] = [
        {"role": "system", "content": "Answer in one sentence. Use the tools."},
        {"role": "user", "content": question},
    ]
    about = {"openinference.span.kind": "AGENT", "input.value": question}
    with tracer.start_as_current_span("agent", attributes=about) as span:
        while True:
            reply: Any = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
            message = reply.choices[0].message
            messages.append(message)
            if not message.tool_calls:
                span.set_attribute("output.value", message.content)
                return message.content, format_trace_id(span.get_span_context().trace_id)
            messages += [run_tool(call, tracer) for call in message.tool_calls]


def run_tool(call: Any, tracer: Tracer) -> dict[str, str]:
    """Do what the model asked for, in a span of its own."""
    about = {
        "openinference.span.kind": "TOOL",
        "tool.name": call.function.name,
        "input.value": call.function.arguments,
    }
    with tracer.start_as_current_span(call.function.name, attributes=about) as span:
        city = json.loads(call.function.arguments)["city"]
        result = json.dumps({"city": city, "celsius": CELSIUS_BY_CITY[city]})
        span.set_attribute("output.value", result)
    return {"role": "tool", "tool_call_id": call.id, "content": result}


# -- two ways to Tracen -------------------------------------------------------------------------------


def through_the_exporter() -> bool:
    """What to copy: one exporter, which tells the URL of each trace."""
    exporter = TracenSpanExporter(on_url=lambda published: print(published.url, flush=True))
    trace_id = traced_run(exporter)
    return exporter.url(trace_id) is not None


def over_otlp() -> bool:
    """What programs in any language can do: OTLP, then ask for the page by its OTel trace id."""
    trace_id = traced_run(OTLPSpanExporter())
    url = page_of(trace_id)
    print(url or f"agent.py: Tracen has no page of trace {trace_id}", file=sys.stdout if url else sys.stderr)
    return url is not None


def traced_run(exporter: SpanExporter) -> str:
    """Run the agent with OpenTelemetry set up for one exporter; answers the OTel trace id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "example-agent"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(
        tracer_provider=provider
    )  # every call of the openai library is a span from now on
    try:
        answer, trace_id = run_agent(QUESTION, provider.get_tracer("example-agent"))
        print(f"The agent answered: {answer}", file=sys.stderr)
        return trace_id
    finally:
        instrumentor.uninstrument()
        provider.shutdown()  # publishes what is not out yet


def page_of(otel_trace_id: str) -> str | None:
    """Ask Tracen where a trace that came over OTLP is shown."""
    reply = urllib3.request(
        "GET",
        f"{os.environ['TRACEN_ENDPOINT']}/api/traces/by-otel/{otel_trace_id}",
        headers={"X-Tracen-Key": os.environ["TRACEN_KEY"]},
        timeout=10,
    )
    return reply.json()["url"] if reply.status == 200 else None


def main() -> int:
    """Run the agent both ways; the exit status says whether both pages are there."""
    try:
        return 0 if through_the_exporter() & over_otlp() else 1
    except KeyError as missing:
        print(f"agent.py: the environment variable {missing} is not set; `make run` sets it", file=sys.stderr)
    except (openai.OpenAIError, urllib3.exceptions.HTTPError) as error:
        print(f"agent.py: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
