"""Markdown that strangers' text can not break out of: names inline, texts in fences, and a sheet with a limit.

After CommonMark 0.31 ("Backslash escapes", "Fenced code blocks") and GitHub's autolinks. Knows nothing of traces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from viewer.legible import one_line, spelled
from viewer.wording import plural

_SPECIAL = re.compile(
    r"[\\`*{}\[\]<>#|~!&$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # within a word an underscore is plain: get_weather
    r"|:(?=//)|(?<=www)\.(?=\w)"  # GitHub links what looks like an address
)
_BACKTICKS = re.compile("`+")
_MIN_EXCERPT = 40
"""Of a text longer than it: less than this tells nothing."""
_SPELLED = 10
"""Characters that one hiding character may become."""


def inline(text: str, limit: int) -> str:
    """The beginning of `text` as one line in which nothing is Markdown; up to twice as long as `limit`."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], one_line(text, limit))


def fenced(text: str, limit: int) -> str:
    """A code block of at most `limit` characters: the text, or its beginning and end; "" where that is too little.

    Its fence is longer than any run of backticks inside, so that nothing inside ends it.
    """
    allowed = min(len(text), limit)
    block = _fence(_excerpt(text, allowed))
    if len(block) <= limit:
        return block
    for kept in (limit - (len(block) - allowed), allowed * limit // len(block) - 64, limit // (_SPELLED + 2)):
        if kept >= _MIN_EXCERPT:
            block = _fence(_excerpt(text, kept))
            if len(block) <= limit:
                return block
    return ""


def _fence(text: str) -> str:
    text = spelled(text.replace("\r\n", "\n"))
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _excerpt(text: str, kept: int) -> str:
    """The text, or its first two thirds and last third of `kept` characters and how many are not there."""
    if len(text) <= kept:
        return text
    tail = kept // 3
    omitted = plural(len(text) - kept, "character")
    return f"{text[: kept - tail]}\n… {omitted} left out …\n{text[len(text) - tail :]}"


@dataclass(slots=True)
class Sheet:
    """Blocks of Markdown, one below the other, that together are never longer than a limit."""

    left: int
    blocks: list[str] = field(default_factory=list)

    def add(self, block: str) -> bool:
        """Add a block if it fits; a blank line parts it from the one before."""
        size = len(block) + 2
        if not block or size > self.left:
            return False
        self.left -= size
        self.blocks.append(block)
        return True

    def add_quote(self, label: str, text: str, limit: int) -> bool:
        """Add a label and, below it, as much of a text as `limit` and the room that is left allow."""
        room = min(limit, self.left - 2) - len(label) - 2
        block = fenced(text, room) if room > 0 else ""
        return bool(block) and self.add(f"{label}\n\n{block}")

    def text(self) -> str:
        """All blocks."""
        return "\n\n".join(self.blocks)
