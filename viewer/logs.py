"""Log lines on stderr, as text or JSON: never a body, a key or a prompt, and nothing that drives a terminal."""

from __future__ import annotations

import logging
import re

from pythonjsonlogger.json import JsonFormatter

_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def configure(log_format: str, level: str) -> None:
    """Send the log of this process to stderr: ours from `level` on, libraries' from warnings on."""
    handler = logging.StreamHandler()
    if log_format == "json":
        fields, names = ["levelname", "name", "message"], {"levelname": "level", "name": "logger"}
        formatter = JsonFormatter(fields, rename_fields=names, timestamp="time", json_ensure_ascii=True)
        handler.setFormatter(formatter)
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tracen").setLevel(level.upper())


class _TextFormatter(logging.Formatter):
    """One line a message: what would end it, or colour it, or turn it round is shown as its escape."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = one_line(record.message)
        return super().formatMessage(record)


def one_line(text: str) -> str:
    """The text with its escapes for what a terminal would obey."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
