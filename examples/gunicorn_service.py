"""A WSGI service in several worker processes; its reply tells the page's URL. `--preload` is fine too.

    pip install tracen-otel gunicorn openai-agents openinference-instrumentation-openai-agents
    gunicorn --chdir examples --bind 127.0.0.1:8001 --workers 2 gunicorn_service:app
    curl "http://127.0.0.1:8001/answer?question=Is+it+warmer+in+Lisbon+or+in+Oslo"

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from agents import Agent, Runner, function_tool
from opentelemetry import trace

import tracen_otel

tracen_otel.setup(service_name="weather")
tracer = trace.get_tracer("weather")


@function_tool
def temperature(city: str) -> dict[str, str | int]:
    """Today's temperature in a city, in degrees Celsius."""
    return {"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]}


agent = Agent("weather", instructions="Answer in one sentence.", model="gpt-5.4-mini", tools=[temperature])


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    question = parse_qs(environ["QUERY_STRING"])["question"][0]
    with tracer.start_as_current_span("GET /answer"):
        result = Runner.run_sync(agent, question)
        reply = {"answer": result.final_output, "trace": tracen_otel.trace_url()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(reply).encode()]
