"""LlamaIndex: an agent with a tool; its workflow, model calls and tool calls are steps of the page.

    pip install tracen-otel llama-index-core llama-index-llms-mistralai openinference-instrumentation-llama-index
    python examples/llamaindex_agent.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and MISTRAL_API_KEY; README.md tells of a model that needs none.
"""

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.mistralai import MistralAI

import tracen_otel

tracing = tracen_otel.setup()


def temperature(city: str) -> dict[str, str | int]:
    """Today's temperature in a city, in degrees Celsius."""
    return {"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]}


async def main() -> None:
    agent = FunctionAgent(
        tools=[temperature],
        llm=MistralAI(model="mistral-large-latest"),
        system_prompt="Answer in one sentence.",
        streaming=False,
    )
    print(await agent.run("Where is it warmer today, in Lisbon or in Oslo?"))


asyncio.run(main())
tracing.flush(timeout_s=10)
print(tracing.urls[-1])
