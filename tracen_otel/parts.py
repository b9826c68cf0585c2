"""Parts of a message, whichever API's words they are told in (OpenAI, Anthropic, Gemini, Bedrock, …).

One table from a part's `type` to its meaning; media becomes a description, never its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tracen_otel.attributes import clean, decode_json, encode_json
from tracen_otel.model import Part

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[^,]{0,100})?,", re.ASCII)
_BYTES_KEYS = ("content", "data", "bytes", "base64", "image", "file_data", "fileData", "body")
_MIME_KEYS = (
    "mime_type",
    "media_type",
    "mimeType",
    "mediaType",
    "contentType",
    "image_mimetype",
    "format",
    "modality",
)
_PLACE_KEYS = ("uri", "url", "file_id", "fileUri", "file_uri", "filename")
_NESTED_KEYS = (
    "source",
    "image_url",
    "input_audio",
    "file",
    "image",
    "inline_data",
    "inlineData",
    "fileData",
)
_RESPONSE_KEYS = ("response", "result", "output", "content", "text", "server_tool_call_response")
_TYPE_KEYS = ("block_type", "type", "part_kind", "kind")
_MAX_MEDIA_DEPTH = 4
_MAX_PLACE = 500


def read_parts(content: Any) -> Iterator[Part]:
    """Yield the parts of a message's content: a string, one part, or a list of either."""
    content = _decoded_parts(content)
    for item in _flat(content if isinstance(content, list | tuple) else (content,)):
        if isinstance(item, str):
            if item:
                yield Part("text", clean(item))
        elif isinstance(item, dict):
            yield from _read_part(item)
        elif item is not None:
            yield Part("text", encode_json(item))


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    """The items, with those of Gemini's contents (which hold parts themselves) one by one."""
    for item in items:
        inner = item.get("parts") if isinstance(item, dict) and "type" not in item else None
        yield from inner if isinstance(inner, list) else (item,)


def tool_call(call: Mapping[str, Any]) -> Part:
    """A request to run a tool, in any API's words."""
    function = call.get("function")
    told = {**call, **function} if isinstance(function, dict) else call
    return Part(
        "tool_call",
        name=_first_text(told, "name", "toolName", "tool_name"),
        id=_first_text(told, "id", "call_id", "toolCallId", "toolUseId", "tool_call_id", "ref"),
        value=decode_json(
            _first(told, "arguments", "args", "input", "parameters", "tool_kwargs", "server_tool_call")
        ),
    )


def tool_response(result: Mapping[str, Any]) -> Part:
    """What a tool gave back, in any API's words; Haystack tells of the call under `origin`."""
    origin = result.get("origin")
    told = {**origin, **result} if isinstance(origin, dict) else result
    return Part(
        "tool_call_response",
        name=_first_text(told, "name", "toolName", "tool_name"),
        id=_first_text(told, "tool_call_id", "call_id", "toolCallId", "toolUseId", "tool_use_id", "id"),
        value=_plain(_first(result, *_RESPONSE_KEYS)),
    )


# -- one part -----------------------------------------------------------------------------------------


def _read_part(part: Mapping[str, Any]) -> Iterator[Part]:
    for key, read in _READ_BY_KEY.items():  # Bedrock and Gemini name a part by its only key
        inner = part.get(key)
        if isinstance(inner, dict) and "type" not in part:
            yield read(inner)
            return
    kind = next((told for name in _TYPE_KEYS if (told := part.get(name))), None)
    read_typed = _READ_BY_TYPE.get(kind) if isinstance(kind, str) else _untyped
    if read_typed is None:
        yield Part(str(kind), value=dict(part))
        return
    meant = read_typed(part)
    if meant is not None:
        yield meant


def _text(part: Mapping[str, Any]) -> Part | None:
    text = _first(part, "text", "content", "value", "refusal")
    if isinstance(text, dict):  # Anthropic and Assistants: {"text": {"value": …}}
        text = _first(text, "value", "text")
    return Part("text", encode_json(text)) if text not in (None, "") else None


def _reasoning(part: Mapping[str, Any]) -> Part | None:
    text = _first(part, "content", "text", "thinking", "reasoning", "reasoningText", "summary")
    if isinstance(text, list):
        text = "\n".join(item.text for item in read_parts(text) if item.text)
    return Part("reasoning", encode_json(text)) if text not in (None, "") else None


def _untyped(part: Mapping[str, Any]) -> Part | None:
    if part.get("thought") is True:  # Gemini marks thinking by a flag
        return _reasoning(part)
    return _text(part) if "text" in part or "content" in part else Part("part", value=dict(part))


def _media(part: Mapping[str, Any]) -> Part:
    return Part("media", _describe_media(part, str(part.get("type") or "media")))


def _describe_media(part: Mapping[str, Any], what: str) -> str:
    """Words for media: "image/png, 12 kB", or where it is; the bytes go nowhere."""
    size: int | None = None
    place: Any = None
    for _ in range(_MAX_MEDIA_DEPTH):
        mime = _first(part, *_MIME_KEYS)
        what = str(mime) if isinstance(mime, str) and mime else what
        place = _first(part, *_PLACE_KEYS) or place
        nested = _first(part, *_NESTED_KEYS)
        body = _first(part, *_BYTES_KEYS)
        if isinstance(body, str | bytes) and body:
            size = size or len(body)
            place = body if isinstance(body, str) and body.startswith(("data:", "http")) else place
        if isinstance(nested, str) and not _is_bytes(nested):
            place = nested
        if not isinstance(nested, dict):
            break
        part = nested
    return _media_words(what, place, size)


def _is_bytes(text: str) -> bool:
    """Tell encoded bytes from a place: an address has a colon in its beginning, a name or an id is short."""
    return len(text) > _MAX_PLACE and ":" not in text[:_MAX_PLACE]


def _media_words(what: str, place: Any, encoded_size: int | None) -> str:
    if isinstance(place, str):
        if not (match := _DATA_URL.match(place)):
            return clean(place if len(place) <= _MAX_PLACE else place[: _MAX_PLACE - 1] + "…")
        what, encoded_size = match[1] or what, len(place) - match.end()
    if encoded_size is None:
        return what
    return f"{what}, {_size_words(encoded_size * 3 // 4)}"  # base64: four letters for three bytes


def _size_words(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


_READ_BY_TYPE: dict[str, Callable[[Mapping[str, Any]], Part | None]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "refusal", "text-delta", "text_content"), _text),
    **dict.fromkeys(("reasoning", "thinking", "redacted_thinking", "reasoning_content"), _reasoning),
    **dict.fromkeys(
        ("tool_call", "tool_use", "tool-call", "function", "function_call", "server_tool_call", "toolCall"),
        tool_call,
    ),
    **dict.fromkeys(
        (
            "tool_call_response",
            "tool_result",
            "tool_call_result",
            "tool-result",
            "tool-error",
            "tool-return",
            "function_call_output",
            "server_tool_call_response",
        ),
        tool_response,
    ),
    **dict.fromkeys(
        (
            "blob",
            "uri",
            "file",
            "image",
            "image_url",
            "image-url",
            "image_content",
            "file_content",
            "input_image",
            "input_audio",
            "input_file",
            "audio",
            "video",
            "document",
            "media",
            "binary",
        ),
        _media,
    ),
}
_READ_BY_KEY: dict[str, Callable[[Mapping[str, Any]], Part]] = {
    "toolUse": tool_call,
    "toolRequest": tool_call,
    "toolResponse": tool_response,
    "media": _media,
    "tool_call": tool_call,
    "tool_call_result": tool_response,
    "functionCall": tool_call,
    "function_call": tool_call,
    "toolResult": tool_response,
    "functionResponse": tool_response,
    "function_response": tool_response,
    "inlineData": _media,
    "inline_data": _media,
    "fileData": _media,
    "file_data": _media,
    "image": _media,
    "document": _media,
}


# -- shared -------------------------------------------------------------------------------------------


def _decoded_parts(content: Any) -> Any:
    """Content, with a JSON list of parts in a string decoded; any other text stays text."""
    if isinstance(content, str) and content.lstrip().startswith("[{"):
        items = decode_json(content)
        if isinstance(items, list) and all(isinstance(i, dict) and _looks_like_part(i) for i in items):
            return items
    return content


def _looks_like_part(item: Mapping[str, Any]) -> bool:
    return (
        str(item.get("type")) in _READ_BY_TYPE or "text" in item or not _READ_BY_KEY.keys().isdisjoint(item)
    )


def _plain(value: Any) -> Any:
    """A tool's response; where it is a list of text and media, in words."""
    items = _decoded_parts(value)
    if not isinstance(items, list) or not all(isinstance(i, dict) and _looks_like_part(i) for i in items):
        return value
    parts = list(read_parts(items))
    if not parts or any(part.type not in ("text", "media") for part in parts):
        return value
    return "\n".join(part.text for part in parts)


def _first(told: Mapping[str, Any], *keys: str) -> Any:
    return next((told[key] for key in keys if told.get(key) is not None), None)


def _first_text(told: Mapping[str, Any], *keys: str) -> str:
    value = _first(told, *keys)
    return "" if value is None else encode_json(value)
