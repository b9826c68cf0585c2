"""Values that an instrumentation wrote in Python's spelling: dicts and lists with `str()`, objects with `repr()`.

`ChatMessage(role=<Role.USER: 'user'>, text='why?')` becomes its fields. Nothing is called.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from tracen_otel.attributes import clean, decode_json, nests_deeper

_MAX_CHARS = 1_000_000
_MAX_OBJECT_CHARS = 100_000
_MAX_DEPTH = 48
_MAX_INTEGER = 2**63
_OBJECT = re.compile(r"[A-Z]\w*\(\w+=", re.ASCII)
_MEMBER = re.compile(r"<\w+\.\w+: ('[^'\\<>]*'|\d+)>", re.ASCII)
"""A member of an enumeration, which is no Python; its value is."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def decode_literal(value: Any) -> Any:
    """The dict or list that a string spells, in JSON or in Python; anything else as JSON has it."""
    decoded = decode_json(value)
    if not isinstance(decoded, str) or decoded[:1] not in ("{", "[") or len(decoded) > _MAX_CHARS:
        return decoded
    return _decoded(decoded)


def decode_object(value: Any) -> Any:
    """The fields of an object, with its class as `type`; any other value, or what can not be read, as it came."""
    if not isinstance(value, str) or not value.endswith(")") or not _OBJECT.match(value):
        return value
    return value if len(value) > _MAX_OBJECT_CHARS else _decoded(value)


def _decoded(text: str) -> Any:
    try:
        meant = _meant(ast.parse(_MEMBER.sub(r"\1", text), mode="eval").body)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return text if nests_deeper(meant, _MAX_DEPTH) else meant


def _meant(node: ast.AST) -> Any:
    """The value of an expression; an expression that makes no plain value, as its text."""
    match node:
        case ast.Constant(value=str() as text):
            return clean(text)
        case ast.Constant(value=bool() | float() | None as constant):
            return constant
        case ast.Constant(value=int() as number) if number < _MAX_INTEGER:
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number if number < _MAX_INTEGER else None
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_meant(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {str(_meant(key)): _meant(v) for key, v in zip(keys, values, strict=True) if key}
        case ast.Call(func=ast.Name(id=name), args=[], keywords=fields):
            told = {field.arg: _meant(field.value) for field in fields if field.arg}
            return {"type": _HUMP.sub("_", name).lower(), **told}
        case ast.Name():
            raise ValueError("a name alone is no value, nor is this Python")
        case _:
            return clean(ast.unparse(node))
