"""The OpenAI Agents SDK: an agent with a tool; what it would upload to OpenAI goes to Tracen instead.

    pip install tracen-otel openai-agents openinference-instrumentation-openai-agents
    python examples/openai_agents.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

from agents import Agent, Runner, function_tool

import tracen_otel

tracing = tracen_otel.setup()


@function_tool
def temperature(city: str) -> dict[str, str | int]:
    """Today's temperature in a city, in degrees Celsius."""
    return {"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]}


agent = Agent("weather", instructions="Answer in one sentence.", model="gpt-5.4-mini", tools=[temperature])
result = Runner.run_sync(agent, "Where is it warmer today, in Lisbon or in Oslo?")

print(result.final_output)
tracing.flush(timeout_s=10)
print(tracing.urls[-1])
