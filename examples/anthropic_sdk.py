"""The anthropic library, streaming: a loop of model calls and tools, each call a step of the page.

    pip install tracen-otel anthropic openinference-instrumentation-anthropic
    python examples/anthropic_sdk.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and ANTHROPIC_API_KEY; README.md tells of a model that needs none.
"""

import json
from typing import Any

import anthropic
from opentelemetry import trace

import tracen_otel

tracing = tracen_otel.setup()  # before the clients are made
tracer = trace.get_tracer("weather-agent")
client = anthropic.Anthropic()

QUESTION = "Where is it warmer today, in Lisbon or in Oslo?"
TOOLS: Any = [
    {
        "name": "temperature",
        "description": "Today's temperature in a city, in degrees Celsius.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]


@tracer.start_as_current_span("temperature")
def temperature(city: str) -> str:
    result = json.dumps({"city": city, "celsius": {"Lisbon": 24, "Oslo": 7}[city]})
    trace.get_current_span().set_attributes(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "temperature",
            "gen_ai.tool.call.arguments": json.dumps({"city": city}),
            "gen_ai.tool.call.result": result,
        }
    )
    return result


@tracer.start_as_current_span("weather-agent")
def answer(question: str) -> None:
    messages: list[Any] = [{"role": "user", "content": question}]
    while messages[-1]["role"] == "user":
        with client.messages.stream(
            model="claude-sonnet-5-5", max_tokens=1000, messages=messages, tools=TOOLS
        ) as stream:
            for text in stream.text_stream:
                print(text, end="", flush=True)
            reply: Any = stream.get_final_message()
        messages.append({"role": "assistant", "content": reply.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": temperature(**block.input)}
            for block in reply.content
            if block.type == "tool_use"
        ]
        if results:
            messages.append({"role": "user", "content": results})


answer(QUESTION)
tracing.flush(timeout_s=10)
print("", tracing.urls[-1], sep="\n")
