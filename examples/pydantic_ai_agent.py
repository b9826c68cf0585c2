"""Pydantic AI, which has OpenTelemetry inside: an agent with a tool.

    pip install tracen-otel "pydantic-ai-slim[openai]"
    python examples/pydantic_ai_agent.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

from pydantic_ai import Agent

import tracen_otel

tracing = tracen_otel.setup()  # switches Pydantic AI's own spans on
agent = Agent("openai:gpt-5.4-mini", instructions="Answer in one sentence.")


@agent.tool_plain
def temperature(city: str) -> dict[str, str | int]:
    """Today's temperature in a city, in degrees Celsius."""
    return {"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]}


result = agent.run_sync("Where is it warmer today, in Lisbon or in Oslo?")

print(result.output)
tracing.flush(timeout_s=10)
print(tracing.urls[-1])
