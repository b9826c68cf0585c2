"""`/openapi.json`: the operations as OpenAPI 3.1."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from viewer.keys import PREFIX
from viewer.reference.answers import headers
from viewer.reference.operation import HEALTH, PAGES, WITH_A_KEY, Operation
from viewer.reference.operations import operations
from viewer.reference.schemas import schemas
from viewer.settings import Settings

_DESCRIPTION = (
    "Post what an LLM agent did, get the URL of a page that shows it. "
    "Refusals are problem+json (RFC 9457) and name every wrong field at once. Another method is answered 405 with "
    "Allow. A request that comes too slowly, or whose head is too large, is answered 408 or 431 in a line of text."
)
_TAGS = {
    WITH_A_KEY: "What programs call. The key goes in X-Tracen-Key or Authorization: Bearer.",
    PAGES: "What anybody reads who has the URL of a run; of a private one its owner alone, data with a key too.",
    HEALTH: "For whoever runs the service.",
}
_KEY_SCHEMES = {
    "TracenKey": {"type": "apiKey", "in": "header", "name": "X-Tracen-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": f"{PREFIX}…"},
}


def document(settings: Settings) -> dict[str, Any]:
    """The whole description of this server."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations(settings):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _told(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tracen", "version": version("tracen-otel"), "description": _DESCRIPTION},
        "externalDocs": {"url": f"{settings.base_url}/docs", "description": "For people"},
        "servers": [{"url": settings.base_url or "/"}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": _KEY_SCHEMES,
            "headers": headers(),
            "schemas": schemas(settings.base_url),
        },
    }


def _told(operation: Operation) -> dict[str, Any]:
    """The Operation Object."""
    told: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {str(status): answer.told() for status, answer in sorted(operation.answers.items())},
    }
    if operation.description:
        told["description"] = operation.description
    if operation.parameters:
        told["parameters"] = list(operation.parameters)
    if operation.body:
        told["requestBody"] = operation.body
    if operation.tag == WITH_A_KEY or operation.may_take_key:
        schemes: list[dict[str, list[str]]] = [{name: []} for name in _KEY_SCHEMES]
        told["security"] = [{}, *schemes] if operation.may_take_key else schemes
    return told
