"""Where a value stands on a span, and how it is read: text, integer, JSON, indexed keys, events.

Total functions: whatever an instrumentation sent, they answer a value or None, and never raise.
They know nothing of dialects, steps or traces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracen_otel.model import Attributes, Event, Span

ABSENT = frozenset({"", "{}", "[]", "null", "None", "N/A", "<REDACTED>", "__REDACTED__"})
"""What instrumentations write where they tell nothing, or hide it."""

_MAX_JSON_IN_JSON = 3
_MAX_JSON_DEPTH = 48
_MAX_INDEX_DIGITS = 18
_MAX_KEY_DEPTH = 12
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_JSON_MARK = re.compile(r'"(?:[^"\\]++|\\u[0-9a-fA-F]{4}|\\[^u])*+("?)|[{}\[\],]')
"""A string as far as it goes, without the escape that breaks off at its end, or one of JSON's own signs."""
_MAX_TOKENS = 2**53
_MAX_DIGITS = 20


# -- how to read --------------------------------------------------------------------------------------


def read_text(value: Any) -> str | None:
    """A string as it came, also one that was encoded as JSON; None where nothing is told."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value[:1] == '"':
        value = decode_json(value)
    if not isinstance(value, str) or value.strip() in ABSENT:
        return None
    return clean(value)


def read_plain(value: Any) -> str | None:
    """A string exactly as it came: text that happens to be JSON stays text."""
    return clean(value) if isinstance(value, str) and value.strip() else None


def read_integer(value: Any) -> int | None:
    """A count: an int, a whole double, or digits in a string; None for anything else, and below zero."""
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MAX_TOKENS else None


def read_value(value: Any) -> Any:
    """A value of any shape as it came, JSON still in its own spelling; None where nothing is told."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return None if value.strip() in ABSENT else clean(value)
    return None if value in ({}, [], ()) else value


def decode_json(value: Any) -> Any:
    """JSON in a string, also JSON in JSON and JSON that breaks off; anything else as it came."""
    for _ in range(_MAX_JSON_IN_JSON):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
            break
        try:
            decoded = _loads(value)
        except (ValueError, RecursionError):
            return _mended(value) if is_cut_json(value) else value
        if value.count("[") + value.count("{") > _MAX_JSON_DEPTH and nests_deeper(decoded, _MAX_JSON_DEPTH):
            break
        value = decoded
    return value


def _loads(text: str) -> Any:
    """Decode JSON; lone surrogates, which its escapes can smuggle in, are replaced."""
    value = json.loads(text)
    if "\\u" in text and _SURROGATE_ESCAPE.search(text):
        spelled = json.dumps(value, ensure_ascii=False)
        if _LONE_SURROGATE.search(spelled):
            return json.loads(clean(spelled))
    return value


def nests_deeper(value: Any, limit: int) -> bool:
    """Tell whether anything lies more than `limit` levels inside a JSON value."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _mended(text: str) -> Any:
    """What is left of JSON that breaks off (SDKs cut long attributes), closed where it ends."""
    for whole in _closed(text):
        try:
            return _loads(whole)
        except (ValueError, RecursionError):
            continue
    return text


def _closed(text: str) -> Iterator[str]:
    """The text with open strings and brackets closed, then the same up to its last comma.

    Nothing where brackets open deeper than would be decoded, so what is remembered of them stays short.
    """
    open_brackets: list[str] = []
    at_comma: tuple[int, str] | None = None
    end, cut_string = len(text), ""
    for match in _JSON_MARK.finditer(text):
        mark = text[match.start()]
        if mark == '"':
            if not match[1]:
                end, cut_string = match.end(), '"'
                break
        elif mark in "{[":
            open_brackets.append("}" if mark == "{" else "]")
            if len(open_brackets) > _MAX_JSON_DEPTH:
                return
        elif mark == ",":
            at_comma = match.start(), "".join(reversed(open_brackets))
        elif open_brackets:
            open_brackets.pop()
    yield text[:end] + cut_string + "".join(reversed(open_brackets))
    if at_comma:
        yield text[: at_comma[0]] + at_comma[1]


def is_cut_json(value: Any) -> bool:
    """Tell whether a string begins as a JSON object, or an array of them, and does not end as one."""
    return isinstance(value, str) and value.startswith(('[{"', '{"')) and value.rstrip()[-1] not in "]}"


def encode_json(value: Any) -> str:
    """Text for a value of any shape: strings as they are, anything else as JSON a person can read."""
    if isinstance(value, str):
        return clean(value)
    try:
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    except (ValueError, TypeError, RecursionError):
        return clean(spelled(value))


def spelled(value: Any) -> str:
    """Text that tells a value of any shape from others, in Python's spelling."""
    try:
        return repr(value)
    except RecursionError:
        return "(nested too deep to be shown)"


def clean(text: str) -> str:
    """Replace lone surrogates, which JSON escapes can smuggle in and UTF-8 can not hold."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("�", text)
    return text


# -- where to look ------------------------------------------------------------------------------------


def attribute(span: Span, key: str) -> Any:
    """The span's attribute of that name, or None."""
    return span.attributes.get(key)


def indexed(span: Span, key: str) -> Any:
    """A list out of flattened keys: for `prompt.N` of `prompt.0.role`, `prompt.0.content`, `prompt.1.role`.

    An index only orders: `prompt.999999999.role` makes a list of one. Other names, as in `prompt.version`,
    are left out. None without any.
    """
    return unflatten(span.attributes, key.removesuffix("N"))


class _Branch(dict[str, Any]):
    """A node made here, as against a value that happens to be a dict."""


def unflatten(attributes: Attributes, prefix: str) -> list[Any] | None:
    """The list in attributes whose keys start with `prefix` and an index; None without any."""
    tree = _Branch()
    for key in sorted(key for key in attributes if key.startswith(prefix)):
        path = key[len(prefix) :].split(".", _MAX_KEY_DEPTH)
        if _is_index(path[0]):
            _plant(tree, path, attributes[key])
    return _lists(tree) if tree else None


def is_of_family(key: str, family: str) -> bool:
    """Tell whether a key is one of a flattened list's: `prompt.0.role` is of `prompt.N`."""
    if not key.startswith(family[:-1]):
        return False
    start = len(family) - 1
    return _is_index(key[start : start + _MAX_INDEX_DIGITS + 1].split(".", 1)[0])


def _plant(tree: _Branch, path: list[str], value: Any) -> None:
    """Put a value into the tree; where one stands in the way (`a` before `a.b`), that one stays."""
    for name in path[:-1]:
        branch = tree.setdefault(name, _Branch())
        if not isinstance(branch, _Branch):
            return
        tree = branch
    tree.setdefault(path[-1], value)


def _lists(node: Any) -> Any:
    """The same tree with branches of indices as lists. Recursion is bounded by _MAX_KEY_DEPTH."""
    if not isinstance(node, _Branch):
        return node
    children = {name: _lists(child) for name, child in node.items()}
    if children and all(_is_index(name) for name in children):
        return [children[name] for name in sorted(children, key=int)]
    return children


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= _MAX_INDEX_DIGITS


def in_events(span: Span, key: str) -> Any:
    """The attribute (or body field) of that name on the last event that has it, or None."""
    for event in reversed(span.events):
        value = event_fields(event).get(key)
        if value is not None:
            return value
    return None


def event_fields(event: Event) -> Mapping[str, Any]:
    """An event's attributes, then its body where that is an object, also one in a JSON string."""
    body = decode_json(event.body)
    return {**event.attributes, **body} if isinstance(body, Mapping) else event.attributes


def events_named(span: Span, names: frozenset[str]) -> Iterator[Event]:
    """The span's events with one of these names, in order."""
    return (event for event in span.events if event.name in names)
