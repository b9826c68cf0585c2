"""The openai library: a loop of model calls and tools, each call a step of the page.

    pip install tracen-otel openai openinference-instrumentation-openai
    python examples/openai_sdk.py

The environment has TRACEN_ENDPOINT, TRACEN_KEY and OPENAI_API_KEY; README.md tells of a model that needs none.
"""

import json
from typing import Any

import openai
from opentelemetry import trace

import tracen_otel

tracing = tracen_otel.setup()  # before the clients are made
tracer = trace.get_tracer("weather-agent")
client = openai.OpenAI()

QUESTION = "Where is it warmer today, in Lisbon or in Oslo?"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "temperature",
            "description": "Today's temperature in a city, in degrees Celsius.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
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
def answer(question: str) -> str:
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        reply: Any = client.chat.completions.create(model="gpt-5.4-mini", messages=messages, tools=TOOLS)
        message = reply.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return str(message.content)
        for call in message.tool_calls:
            result = temperature(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


print(answer(QUESTION))
tracing.flush(timeout_s=10)
print(tracing.urls[-1])
