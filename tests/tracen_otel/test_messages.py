"""One conversation in the words of every API is the same conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tracen_otel.measured import calls_in
from tracen_otel.messages import final_text, last_text, looks_like_messages, read_messages, split_turn
from tracen_otel.model import Message, Part

ARGUMENTS = {"city": "Paris"}
CONVERSATION = (
    Message("user", (Part("text", "Weather?"),)),
    Message("assistant", (Part("tool_call", name="get_weather", id="c1", value=ARGUMENTS),)),
    Message("tool", (Part("tool_call_response", id="c1", value="sunny"),)),
    Message("assistant", (Part("text", "It is sunny."),)),
)

TELLINGS: dict[str, Any] = {
    "OTel GenAI": [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": ARGUMENTS}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]},
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "It is sunny."}],
            "finish_reason": "stop",
        },
    ],
    "OpenAI chat completions": [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": json.dumps(ARGUMENTS)},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "assistant", "content": [{"type": "text", "text": "It is sunny."}]},
    ],
    "OpenAI responses": [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": json.dumps(ARGUMENTS)},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "It is sunny.", "annotations": []}],
        },
    ],
    "LangChain, dumped": [
        {"lc": 1, "id": ["langchain", "HumanMessage"], "kwargs": {"content": "Weather?", "type": "human"}},
        {
            "lc": 1,
            "id": ["langchain", "AIMessage"],
            "kwargs": {
                "content": "",
                "tool_calls": [{"name": "get_weather", "args": ARGUMENTS, "id": "c1", "type": "tool_call"}],
            },
        },
        {"lc": 1, "id": ["langchain", "ToolMessage"], "kwargs": {"content": "sunny", "tool_call_id": "c1"}},
        {"lc": 1, "id": ["langchain", "AIMessage"], "kwargs": {"content": "It is sunny."}},
    ],
    "LangChain, as dicts": [
        {"type": "human", "data": {"content": "Weather?"}},
        {
            "type": "ai",
            "data": {"content": "", "tool_calls": [{"name": "get_weather", "args": ARGUMENTS, "id": "c1"}]},
        },
        {"type": "tool", "data": {"content": "sunny", "tool_call_id": "c1"}},
        {"type": "ai", "data": {"content": "It is sunny."}},
    ],
    "Vercel AI SDK": [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool-call", "toolCallId": "c1", "toolName": "get_weather", "input": ARGUMENTS}
            ],
        },
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "output": "sunny"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It is sunny."}]},
    ],
    "LiveKit": [
        {"type": "message", "role": "user", "content": ["Weather?"]},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": json.dumps(ARGUMENTS)},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {"type": "message", "role": "assistant", "content": ["It is sunny."]},
    ],
    "LlamaIndex": [
        {"role": "user", "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "blocks": [
                {
                    "block_type": "tool_call",
                    "tool_call_id": "c1",
                    "tool_name": "get_weather",
                    "tool_kwargs": ARGUMENTS,
                }
            ],
        },
        {
            "role": "tool",
            "additional_kwargs": {"tool_call_id": "c1"},
            "blocks": [{"block_type": "text", "text": "sunny"}],
        },
        {"role": "assistant", "blocks": [{"block_type": "text", "text": "It is sunny."}]},
    ],
}


@pytest.mark.parametrize("telling", TELLINGS)
def test_conversation_is_the_same_in_every_api(telling: str) -> None:
    """Whichever API told it, and as JSON or not, a conversation reads the same."""
    told = TELLINGS[telling]

    assert looks_like_messages(told)
    assert read_messages(told, "user") == CONVERSATION
    assert read_messages(json.dumps(told), "user") == CONVERSATION


THOUGHTS_AND_CALLS: dict[str, Any] = {
    "Gemini": {"parts": [{"text": "Hm.", "thought": True}, {"functionCall": {"name": "f", "args": {}}}]},
    "Bedrock": {
        "content": [{"type": "thinking", "thinking": "Hm."}, {"toolUse": {"name": "f", "input": {}}}]
    },
    "DeepSeek": {"reasoning_content": "Hm.", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
    "Genkit": {
        "content": [{"type": "reasoning", "text": "Hm."}, {"toolRequest": {"name": "f", "input": {}}}]
    },
}


@pytest.mark.parametrize("telling", THOUGHTS_AND_CALLS)
def test_reasoning_and_calls_are_parts(telling: str) -> None:
    """Thinking and calls are told apart from text, whichever words an API has for them."""
    (message,) = read_messages({"role": "model", **THOUGHTS_AND_CALLS[telling]}, "user")

    assert message == Message("assistant", (Part("reasoning", "Hm."), Part("tool_call", name="f", value={})))
    assert message.text == ""


PARTS: dict[str, tuple[dict[str, Any], Part]] = {  # semantic-conventions-genai, gen-ai-input-messages.json
    "text": ({"type": "text", "content": "Weather in Oslo?"}, Part("text", "Weather in Oslo?")),
    "reasoning": ({"type": "reasoning", "content": "A tool knows."}, Part("reasoning", "A tool knows.")),
    "tool_call": (
        {"type": "tool_call", "id": "c7", "name": "weather", "arguments": {"city": "Oslo", "days": 2}},
        Part("tool_call", name="weather", id="c7", value={"city": "Oslo", "days": 2}),
    ),
    "tool_call, arguments as JSON": (
        {"type": "tool_call", "id": "c7", "name": "weather", "arguments": '{"city": "Oslo"}'},
        Part("tool_call", name="weather", id="c7", value={"city": "Oslo"}),
    ),
    "tool_call, neither id nor arguments": (
        {"type": "tool_call", "name": "now"},
        Part("tool_call", name="now"),
    ),
    "tool_call_response": (
        {"type": "tool_call_response", "id": "c7", "response": {"celsius": -3}},
        Part("tool_call_response", id="c7", value={"celsius": -3}),
    ),
    "tool_call_response, older": (
        {"type": "tool_call_response", "id": "c7", "result": "-3, snow"},
        Part("tool_call_response", id="c7", value="-3, snow"),
    ),
    "server_tool_call": (
        {
            "type": "server_tool_call",
            "id": "s1",
            "name": "code_interpreter",
            "server_tool_call": {"type": "code_interpreter", "code": "print(6 * 7)"},
        },
        Part(
            "tool_call",
            name="code_interpreter",
            id="s1",
            value={"type": "code_interpreter", "code": "print(6 * 7)"},
        ),
    ),
    "server_tool_call_response": (
        {
            "type": "server_tool_call_response",
            "id": "s1",
            "server_tool_call_response": {"type": "code_interpreter", "outputs": ["42"]},
        },
        Part("tool_call_response", id="s1", value={"type": "code_interpreter", "outputs": ["42"]}),
    ),
    "blob": (
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "A" * 4000},
        Part("media", "image/png, 3 kB"),
    ),
    "blob, no type": (
        {"type": "blob", "modality": "audio", "content": "A" * 400},
        Part("media", "audio, 300 B"),
    ),
    "uri": (
        {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "gs://films/oslo.mp4"},
        Part("media", "gs://films/oslo.mp4"),
    ),
    "file": ({"type": "file", "modality": "document", "file_id": "file_8c1"}, Part("media", "file_8c1")),
    "generic": (
        {"type": "citation", "page": 12, "of": {"title": "Atlas"}},
        Part("citation", value={"type": "citation", "page": 12, "of": {"title": "Atlas"}}),
    ),
}


@pytest.mark.parametrize("form", PARTS)
def test_part_of_the_conventions_is_read(form: str) -> None:
    """Every type of part in the GenAI schema has its meaning, as an object or as JSON; an unknown one is kept."""
    told, meant = PARTS[form]
    messages = [{"role": "assistant", "parts": [told], "finish_reason": "stop", "name": "clerk"}]

    assert read_messages(messages, "user") == (Message("assistant", (meant,)),)
    assert read_messages(json.dumps(messages), "user") == (Message("assistant", (meant,)),)


@pytest.mark.parametrize("form", PARTS)
@pytest.mark.parametrize("bad", [None, 7, "x", [], {}, [[]], {"a": 1}, b"\xff", True])
def test_part_with_a_field_of_a_wrong_type_is_still_a_part(form: str, bad: Any) -> None:
    """Whatever stands in a part's fields, its neighbour is read, and the part raises nothing."""
    told, _ = PARTS[form]
    for field in told:
        parts = [{**told, field: bad}, {"type": "text", "content": "hi"}]

        (message,) = read_messages([{"role": "user", "parts": parts}], "user")

        assert message.parts[-1] == Part("text", "hi")


def test_turn_of_many_items_costs_as_much_as_it_has() -> None:
    """The Responses API tells every call of a turn as an item; they join without being copied each time."""

    def calls(count: int) -> int:
        items = [
            {"type": "function_call", "call_id": f"c{i}", "name": "f", "arguments": "{}"}
            for i in range(count)
        ]
        (turn,) = read_messages(items, "user")
        assert len(turn.parts) == count
        return calls_in(lambda: read_messages(items, "user"))

    assert calls(800) < 2.2 * calls(400)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "blob", "mime_type": "image/png", "content": "A" * 4000}, "image/png, 3 kB"),
        ({"type": "image", "source": {"media_type": "image/jpeg", "data": "A" * 400}}, "image/jpeg, 300 B"),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, "https://example.com/a.png"),
        ({"type": "input_audio", "input_audio": {"format": "wav", "data": "A" * 4_000_000}}, "wav, 3.0 MB"),
        ({"inlineData": {"mimeType": "image/webp", "data": "A" * 40}}, "image/webp, 30 B"),
        ({"type": "uri", "modality": "video", "uri": "gs://bucket/a.mp4"}, "gs://bucket/a.mp4"),
        ({"type": "file", "mediaType": "application/pdf", "data": "A" * 4000}, "application/pdf, 3 kB"),
        ({"type": "image", "image": "A" * 4000, "mediaType": "image/png"}, "image/png, 3 kB"),
        ({"block_type": "image", "image": "A" * 4000, "image_mimetype": "image/gif"}, "image/gif, 3 kB"),
        ({"type": "file", "file": "file-4711"}, "file-4711"),
    ],
)  # fmt: skip
def test_media_is_described(part: dict[str, Any], words: str) -> None:
    """Media is told by its type and size, or where it is; its bytes go nowhere."""
    (message,) = read_messages({"role": "user", "content": [part]}, "user")

    assert message.parts == (Part("media", words),)


def test_media_in_a_tools_response_is_described_too() -> None:
    """A tool that gives back text and pictures gives back words on a page."""
    result = [{"type": "text", "text": "here"}, {"type": "image", "mimeType": "image/png", "data": "A" * 400}]

    (message,) = read_messages({"role": "tool", "tool_call_id": "c1", "content": result}, "user")

    assert message.parts == (Part("tool_call_response", id="c1", value="here\nimage/png, 300 B"),)


def test_haystack_s_own_words_are_read() -> None:
    """Before its third version messages hid behind underscores; parts are named by their only key."""
    call = {"tool_name": "get_weather", "arguments": ARGUMENTS, "id": "c1"}
    told = [
        {"_role": "user", "_content": [{"text": "Weather?"}], "_name": None, "_meta": {}},
        {"_role": "assistant", "_content": [{"tool_call": call}]},
        {
            "_role": "tool",
            "_content": [{"tool_call_result": {"result": "sunny", "origin": call, "error": False}}],
        },
        {"_role": "assistant", "_content": [{"text": "It is sunny."}]},
    ]

    asked, called, ran, answered = read_messages(told, "user")

    assert looks_like_messages(told)
    assert (asked, called, answered) == (CONVERSATION[0], CONVERSATION[1], CONVERSATION[3])
    assert ran.parts == (Part("tool_call_response", name="get_weather", id="c1", value="sunny"),)


def test_messages_are_read_out_of_their_representation() -> None:
    """Where a framework wrote its objects with `repr()` the conversation is still one; other text stays text."""
    call = "ToolCall(tool_name='get_weather', arguments={'city': 'Paris'}, id='c1', extra=None)"
    told = [
        "ChatMessage(role=<MessageRole.USER: 'user'>, blocks=[TextBlock(block_type='text', text='Weather?')])",
        f"ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[{call}], _name=None)",
        f"ChatMessage(_role=<ChatRole.TOOL: 'tool'>, _content=[ToolCallResult(result='sunny', origin={call})])",
        "AIMessage(content='It is sunny.', usage_metadata={'when': datetime.datetime(2026, 11, 24)})",
    ]

    asked, called, ran, answered = read_messages(told, "user")

    assert looks_like_messages(told)
    assert (asked, called, answered) == (CONVERSATION[0], CONVERSATION[1], CONVERSATION[3])
    assert ran.parts == (Part("tool_call_response", name="get_weather", id="c1", value="sunny"),)
    for text in ("Point(x=1)", "HumanMessage(content='cut o)"):
        assert read_messages([text], "user") == (Message("user", (Part("text", text),)),)


def test_bad_item_costs_itself_alone() -> None:
    """What is no message is skipped or kept as text; its neighbours stay whole."""
    told = [
        None,
        {"role": "user", "content": [None, 7, {"type": "new_kind", "x": 1}]},
        {},
        {"role": "user", "content": "hi"},
    ]

    first, second = read_messages(told, "user")

    assert first.parts == (Part("text", "7"), Part("new_kind", value={"type": "new_kind", "x": 1}))
    assert second.text == "hi"


@pytest.mark.parametrize(
    "told", ["text", 7, None, [], {}, [1], {"role": "Reporter"}, {"source": "a.pdf", "content": "…"}]
)
def test_other_values_do_not_look_like_messages(told: Any) -> None:
    """Documents, records and plain values are not taken for a conversation."""
    assert not looks_like_messages(told)


def test_final_text_follows_the_last_tool() -> None:
    """A turn that calls tools between its words ends with its answer; one that ends in a call keeps all."""
    said, call, result, answer = (
        Part("text", "Let me see."),
        Part("tool_call", name="f"),
        Part("tool_call_response", value=1),
        Part("text", "One."),
    )

    assert final_text(Message("assistant", (said, call, result, answer))) == "One."
    assert final_text(Message("assistant", (said, call))) == "Let me see."


def test_turn_is_split_from_what_it_answers() -> None:
    """The model's turns that end a conversation are its answer, all before is what was asked."""
    asked, answered = split_turn(CONVERSATION)

    assert (asked, answered) == (CONVERSATION[:3], CONVERSATION[3:])
    assert last_text(CONVERSATION, "user") == "Weather?"
    assert last_text(asked, "assistant") is None
