"""The offline model, asked as frameworks ask it: by the providers' own libraries, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from examples.model_server.chat_completions import complete
from examples.model_server.model import BadRequest, Tool, Turn, next_turn
from tests.examples.programs import running_model

QUESTION = "Is an apple dearer than a pear?"
ANSWER = "apple, with 3 €; pear has 2 €."
CALLS = [("price", {"fruit": "apple"}), ("price", {"fruit": "pear"})]
RESULTS = ('{"fruit": "apple", "euro": 3}', "{'fruit': 'pear', 'euro': 2}")  # JSON, and a Python dict's text
PARAMETERS = {"type": "object", "properties": {"fruit": {"type": "string", "enum": ["apple", "pear"]}}}
TOOLS: Any = [{"type": "function", "function": {"name": "price", "parameters": PARAMETERS}}]
FLAT_TOOLS: Any = [{"type": "function", "name": "price", "parameters": PARAMETERS}]
ANTHROPIC_TOOLS: Any = [{"name": "price", "input_schema": PARAMETERS}]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_model() as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address + "/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("streamed", [False, True])
def test_chat_completions_call_the_tools_and_answer(client: openai.OpenAI, streamed: bool) -> None:
    """Whole and streamed say the same, and count the same tokens."""

    def ask(messages: list[Any]) -> tuple[Any, Any]:
        request: Any = {"model": "m", "messages": messages, "tools": TOOLS}
        if not streamed:
            reply = client.chat.completions.create(**request)
            return reply.choices[0].message, reply.usage
        with client.chat.completions.stream(**request, stream_options={"include_usage": True}) as stream:
            completion = stream.get_final_completion()
        return completion.choices[0].message, completion.usage

    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    message, asked = ask(messages)
    calls = message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == CALLS
    assert len({call.id for call in calls}) == 2
    messages.append({"role": "assistant", "tool_calls": [call.to_dict() for call in calls]})
    messages += [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(calls, RESULTS, strict=True)
    ]
    message, answered = ask(messages)

    assert message.content == ANSWER
    assert (asked.prompt_tokens, asked.completion_tokens) == (8, 20)
    assert (answered.prompt_tokens, answered.completion_tokens) == (58, 11)


@pytest.mark.parametrize("streamed", [False, True])
def test_responses_call_the_tools_and_answer(client: openai.OpenAI, streamed: bool) -> None:
    """Whole and streamed say the same, and count the same tokens."""

    def ask(items: Any) -> Any:
        request: Any = {"model": "m", "input": items, "tools": FLAT_TOOLS}
        if not streamed:
            return client.responses.create(**request)
        with client.responses.stream(**request) as stream:
            return stream.get_final_response()

    first = ask(QUESTION)
    calls = first.output
    assert [(call.name, json.loads(call.arguments)) for call in calls] == CALLS
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    items += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        for call in calls
    ]
    items += [
        {"type": "function_call_output", "call_id": call.call_id, "output": result}
        for call, result in zip(calls, RESULTS, strict=True)
    ]
    second = ask(items)

    assert second.output_text == ANSWER
    assert (first.usage.input_tokens, first.usage.output_tokens) == (8, 20)
    assert (second.usage.input_tokens, second.usage.output_tokens) == (58, 11)


@pytest.mark.parametrize("streamed", [False, True])
def test_messages_call_the_tools_and_answer(address: str, streamed: bool) -> None:
    """Whole and streamed say the same, and count the same tokens."""
    anthropic = pytest.importorskip("anthropic")

    def ask(messages: list[Any]) -> Any:
        request: Any = {"model": "m", "max_tokens": 100, "messages": messages, "tools": ANTHROPIC_TOOLS}
        with anthropic.Anthropic(base_url=address, api_key="unused", max_retries=0) as client:
            if not streamed:
                return client.messages.create(**request)
            with client.messages.stream(**request) as stream:
                return stream.get_final_message()

    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    first = ask(messages)
    assert [(call.name, call.input) for call in first.content] == CALLS
    messages.append({"role": "assistant", "content": first.content})
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": result}
        for call, result in zip(first.content, RESULTS, strict=True)
    ]
    messages.append({"role": "user", "content": results})
    second = ask(messages)

    assert second.content[0].text == ANSWER
    assert (first.stop_reason, second.stop_reason) == ("tool_use", "end_turn")
    assert (first.usage.input_tokens, first.usage.output_tokens) == (8, 20)
    assert (second.usage.input_tokens, second.usage.output_tokens) == (58, 11)


def test_a_later_question_is_a_new_one() -> None:
    """What tools said to an earlier question answers no later one."""
    price = Tool("price", PARAMETERS)
    before = [Turn("user", QUESTION), Turn("tool", RESULTS[0]), Turn("assistant", "apple, with 3 €.")]

    reply = next_turn([*before, Turn("user", "And a pear?")], [price])

    assert [(call.name, call.arguments) for call in reply.calls] == CALLS[1:]


def test_another_result_gives_another_answer() -> None:
    """Nothing is written down beforehand; without results the model says that it knows nothing."""
    asked = Turn("user", QUESTION)
    cheap = Turn("tool", '{"fruit": "apple", "euro": 1}')

    assert next_turn([asked, cheap, Turn("tool", RESULTS[1])], []).text == "pear, with 2 €; apple has 1 €."
    assert next_turn([asked], []).text == f"No tool told me anything about: {QUESTION}"


def test_a_tool_without_a_list_is_asked_about_proper_names() -> None:
    """A name begins with a capital and begins no sentence."""
    tool = Tool("temperature", {"type": "object", "properties": {"city": {"type": "string"}}})

    reply = next_turn([Turn("user", "Where is it warmer, in Lisbon or in Oslo? Tell me.")], [tool])

    assert [call.arguments for call in reply.calls] == [{"city": "Lisbon"}, {"city": "Oslo"}]


@pytest.mark.parametrize("messages", [None, [], "hello", ["hello"]])
def test_model_refuses_a_request_without_messages(messages: Any) -> None:
    """A mistake in the request is the caller's to see."""
    with pytest.raises(BadRequest, match="messages: expected"):
        complete({"messages": messages})


def test_a_refusal_is_the_libraries_own_error(client: openai.OpenAI) -> None:
    """A wrong request, and a conversation that is not kept, are told as the provider would."""
    with pytest.raises(openai.BadRequestError, match="messages: expected an array"):
        client.chat.completions.create(model="m", messages=[])
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(model="m", input="hello", previous_response_id="resp_1")
    with pytest.raises(openai.NotFoundError, match="no such path: /v1/embeddings"):
        client.embeddings.create(model="m", input="hello")
