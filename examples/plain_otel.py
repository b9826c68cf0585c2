"""No framework: spans of your own with OpenTelemetry's GenAI attributes, and TracenSpanExporter beneath them.

    pip install tracen-otel
    python examples/plain_otel.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

import json
import os

import urllib3
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tracen_otel import TracenSpanExporter

exporter = TracenSpanExporter(on_url=lambda page: print(page.url))
provider = TracerProvider(resource=Resource.create({"service.name": "weather"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("weather")

MODEL = "gpt-5.4-mini"


def chat(question: str) -> str:
    """One call of a model, in a span that tells what was asked, answered and used."""
    with tracer.start_as_current_span(f"chat {MODEL}", kind=trace.SpanKind.CLIENT) as span:
        reply = urllib3.request(
            "POST",
            os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") + "/chat/completions",
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            json={"model": MODEL, "messages": [{"role": "user", "content": question}]},
        ).json()
        text = str(reply["choices"][0]["message"]["content"])
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": MODEL,
                "gen_ai.response.model": reply["model"],
                "gen_ai.usage.input_tokens": reply["usage"]["prompt_tokens"],
                "gen_ai.usage.output_tokens": reply["usage"]["completion_tokens"],
                "gen_ai.input.messages": messages("user", question),
                "gen_ai.output.messages": messages("assistant", text),
            }
        )
        return text


def temperature(city: str) -> str:
    """A tool, in a span that tells its arguments and its result."""
    with tracer.start_as_current_span("execute_tool temperature") as span:
        result = json.dumps({"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]})
        span.set_attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "temperature",
                "gen_ai.tool.call.arguments": json.dumps({"city": city}),
                "gen_ai.tool.call.result": result,
            }
        )
        return result


def messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


with tracer.start_as_current_span("weather report"):
    readings = ", ".join(temperature(city) for city in ("Lisbon", "Oslo"))
    print(chat(f"Say in one sentence where it is warmer: {readings}"))

provider.shutdown()  # publishes what is not out yet
