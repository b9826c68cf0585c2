"""A FastAPI service, traced from outside by `opentelemetry-instrument`; its reply tells the page's URL.

    pip install tracen-otel fastapi uvicorn opentelemetry-distro
    pip install langchain langchain-openai openinference-instrumentation-langchain
    export OTEL_TRACES_EXPORTER=tracen OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
    opentelemetry-instrument uvicorn --app-dir examples --port 8001 fastapi_service:app
    curl "http://127.0.0.1:8001/answer?question=Is+it+warmer+in+Lisbon+or+in+Oslo"

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from langchain.agents import create_agent
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import tracen_otel


@asynccontextmanager
async def publish_at_the_end(app: FastAPI) -> AsyncIterator[None]:
    """Uvicorn ends by its signal, without what Python would do at exit: publish the last traces before."""
    yield
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


app = FastAPI(lifespan=publish_at_the_end)


def temperature(city: str) -> dict[str, str | int]:
    """Today's temperature in a city, in degrees Celsius."""
    return {"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]}


agent = create_agent("openai:gpt-5.4-mini", [temperature], system_prompt="Answer in one sentence.")


@app.get("/answer")
def answer(question: str) -> dict[str, str | None]:
    result = agent.invoke({"messages": [{"role": "user", "content": question}]})
    return {"answer": result["messages"][-1].content, "trace": tracen_otel.trace_url()}
