"""What docs.html may say. Every value is ready to print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paste:
    """Something to paste, as the macro `paste` shows it; `id` is one of the page alone."""

    id: str
    caption: str
    text: str
