"""What attributes tell in a word, by whatever names they are told."""

from __future__ import annotations

from typing import Any

import pytest

from viewer.parameters import parameters_of


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"gen_ai.request.top_k": 3, "gen_ai.request.max_tokens": 400}, [("Top k", "3"), ("Max tokens", "400")]),
        ({"llm.invocation_parameters": '{"temperature": 0, "top_p": 0.9}'}, [("Temperature", "0"), ("Top p", "0.9")]),
        ({"gen_ai.response.finish_reasons": ["stop"]}, [("Finish reason", "stop")]),
        ({"llm.invocation_parameters": "not JSON", "top_p": {"a": 1}, "seed": None}, []),
        ({"llm.invocation_parameters": "[" * 3_000}, []),
        ({"temperature": "1" * 500}, [("Temperature", "1" * 59 + "…")]),
    ],
)  # fmt: skip
def test_parameters_are_found_by_their_last_word(
    attributes: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    """Plain attributes and bundles in JSON; what is no value is left out."""
    assert list(parameters_of(attributes).told) == told


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"gen_ai.agent.name": "weather", "agent_name": "weather"}, [("Agent", "weather")]),
        ({"gen_ai.tool.call.id": "c1", "tool.description": "Look"}, [("Call id", "c1"), ("Description", "Look")]),
        ({"ai.toolCall.id": "c1", "session.id": "s"}, [("Call id", "c1"), ("Session", "s")]),
        ({"my.agent.name": "x", "call.id": "y", "name": "z"}, []),
    ],
)  # fmt: skip
def test_whose_a_step_is_is_known_by_whole_keys(
    attributes: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    """The agent, the call that a tool answers, the conversation: words such as `name` and `id` say too little."""
    assert list(parameters_of(attributes).told) == told


def test_keys_are_used_where_what_they_tell_is_shown() -> None:
    """Of two that differ one is shown, of two alike both; a bundle, where all that it holds is shown."""
    attributes = {
        "a.temperature": 0.2,
        "b.temperature": 0.2,
        "c.temperature": 0.9,
        "d.invocation_parameters": '{"temperature": 0.2, "seed": 7}',
        "e.invocation_parameters": '{"temperature": 0.2, "user": "somebody"}',
        "f.invocation_parameters": "{}",
        "g.top_p": None,
        "server.address": "api.example",
    }

    parameters = parameters_of(attributes)

    assert parameters.told == (("Temperature", "0.2"), ("Seed", "7"))
    assert parameters.keys == {"a.temperature", "b.temperature", "d.invocation_parameters"}
