"""One run, as every example of the reference tells it: a payload, a richer one, and what is answered."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

EXAMPLE_TIME = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
EXAMPLE_PAGE = "7d6f0a52-41c3-4e0f-9a55-c1a0d1f0b6e4"
EXAMPLE_OTEL_TRACE = "0af7651916cd43dd8448eb211c80319c"

PROMPT = "What is the weather in Paris?"
RESPONSE = "It is 21 °C and sunny."

assert uuid.UUID(EXAMPLE_PAGE).version == 4  # noqa: S101 - an id as the service makes it


def payload(at: datetime = EXAMPLE_TIME) -> dict[str, Any]:
    """The documented fields, all that a first call needs."""
    return {
        "prompt": PROMPT,
        "response": RESPONSE,
        "provider": "openai",
        "model": "gpt-5",
        "status": "success",
        "input_tokens": 50,
        "output_tokens": 18,
        "total_latency_ms": 1840,
        "steps": [
            {"name": "get_weather", "timestamp": _iso(at), "latency_ms": 420},
            {"name": "answer", "timestamp": _iso(at, 430), "latency_ms": 1410},
        ],
    }


def extended_payload(at: datetime = EXAMPLE_TIME) -> dict[str, Any]:
    """The same run with the extension: a tree of steps that say what they are, were given, and gave back."""
    titled = {"title": "Weather in Paris", "system": "Answer in one sentence."}
    return (
        titled
        | payload(at)
        | {
            "steps": [
                {
                    "name": "invoke_agent weather",
                    "timestamp": _iso(at),
                    "latency_ms": 1840,
                    "id": "1",
                    "kind": "agent",
                },
                {
                    "name": "get_weather",
                    "timestamp": _iso(at, 10),
                    "latency_ms": 420,
                    "id": "2",
                    "parent_id": "1",
                    "kind": "tool",
                    "input": '{"city": "Paris"}',
                    "output": '{"celsius": 21, "sky": "sunny"}',
                },
                {
                    "name": "chat gpt-5",
                    "timestamp": _iso(at, 430),
                    "latency_ms": 1410,
                    "id": "3",
                    "parent_id": "1",
                    "kind": "llm",
                    "model": "gpt-5",
                    "provider": "openai",
                    "input_tokens": 50,
                    "output_tokens": 18,
                    "input_messages": [_message("user", PROMPT)],
                    "output_messages": [_message("assistant", RESPONSE)],
                    "attributes": {"gen_ai.request.temperature": 0.2},
                },
            ],
        }
    )


def accepted(base_url: str) -> dict[str, str]:
    """What a request that is accepted is answered."""
    return {"trace_id": EXAMPLE_PAGE, "url": f"{base_url}/traces/{EXAMPLE_PAGE}"}


def refused() -> dict[str, Any]:
    """What a payload with two wrong fields is answered."""
    return {
        "title": "Wrong fields",
        "status": 422,
        "detail": "These fields are wrong or missing.",
        "errors": [
            {
                "field": "provider",
                "message": 'expected one of openai, anthropic, mistral, gemini, custom, got "OpenAI"',
            },
            {"field": "steps[0].latency_ms", "message": "is required"},
        ],
    }


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "text": text}]}


def _iso(at: datetime, after_ms: int = 0) -> str:
    moment = (at + timedelta(milliseconds=after_ms)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
