"""The parameters of a model call, by whatever names they are told."""

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
    assert list(parameters_of(attributes)) == told
