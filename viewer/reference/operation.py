"""What the reference tells of an operation, and the groups that operations are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from viewer.reference.answers import Answer

WITH_A_KEY, PAGES, HEALTH = "With a key", "Pages", "Health"


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. `name` is OpenAPI's operationId, `summary` what it does in a line."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = None
    may_take_key: bool = False
    """Anybody may ask; with a key of its owner a private trace is answered too."""
