"""LangChain: an agent with a tool; its graph, model calls and tool calls are steps of the page.

    pip install tracen-otel langchain langchain-openai openinference-instrumentation-langchain
    python examples/langchain_agent.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

from langchain.agents import create_agent

import tracen_otel

tracing = tracen_otel.setup()


def temperature(city: str) -> dict[str, str | int]:
    """Today's temperature in a city, in degrees Celsius."""
    return {"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]}


agent = create_agent("openai:gpt-5.4-mini", [temperature], system_prompt="Answer in one sentence.")
question = "Where is it warmer today, in Lisbon or in Oslo?"
answer = agent.invoke({"messages": [{"role": "user", "content": question}]})

print(answer["messages"][-1].content)
tracing.flush(timeout_s=10)
print(tracing.urls[-1])
