"""What stands under a secret name as an object: a secret with something beside it, or the description of a field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_TYPES = frozenset(
    {"string", "number", "integer", "boolean", "object", "array", "null", "apiKey", "http", "oauth2"}
)
_OF_SCHEMAS = frozenset(
    {"$ref", "anyOf", "oneOf", "allOf", "enum", "properties", "items", "minLength", "maxLength", "pattern"}
)
_SAYS_VALUE = frozenset(
    {
        *("value", "values", "raw", "plain", "plaintext", "text", "string", "data", "content", "current"),
        *(
            "bearer",
            "basic",
            "token",
            "key",
            "access",
            "refresh",
            "old",
            "new",
            "stringvalue",
            "string_value",
        ),
    }
)
_SAYS_OWNER = (
    *("id", "name", "user", "email", "type", "kind", "scope", "scopes", "realm", "region", "version"),
    *("url", "uri", "host", "path", "file", "domain", "at", "date", "expires", "expiry", "hint", "title"),
)


def is_schema(value: Mapping[Any, Any]) -> bool:
    """Tell whether an object describes a field, as in JSON Schema and OpenAPI: `{"type": "string", …}`."""
    kind = value.get("type")
    return is_schema_of(value.keys(), kind if isinstance(kind, str) else "" if kind is None else "string")


def is_schema_of(names: Collection[Any], kind: str) -> bool:
    """The same by its members' names, and what it says of its type."""
    if "value" in names:
        return False
    return kind in _TYPES or "description" in names or not _OF_SCHEMAS.isdisjoint(names)


def tells_value(name: str) -> bool:
    """Tell whether what has this name in an object under a secret name is the secret."""
    return name.lower() in _SAYS_VALUE


def tells_owner(name: str) -> bool:
    """Tell whether what has this name there says whose or what for the secret is, or where it is kept."""
    return name.lower().endswith(_SAYS_OWNER)
