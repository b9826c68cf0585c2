"""Log lines on stderr, as text or JSON: never a body, a key or a prompt, and nothing that drives a terminal."""

from __future__ import annotations

import logging
import re
import time

from pythonjsonlogger.json import JsonFormatter

_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_QUIET_S = 10.0
_MAX_MESSAGES = 1_000


def configure(log_format: str, level: str) -> None:
    """Send the log of this process to stderr: ours from `level` on, libraries' from warnings on."""
    handler = logging.StreamHandler()
    handler.addFilter(_Seldom())
    if log_format == "json":
        fields, names = ["levelname", "name", "message"], {"levelname": "level", "name": "logger"}
        formatter = JsonFormatter(fields, rename_fields=names, timestamp="time", json_ensure_ascii=True)
        handler.setFormatter(formatter)
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tracen").setLevel(level.upper())


class _Seldom(logging.Filter):
    """Lets a library say the same once in ten seconds: strangers choose how often uvicorn hears nonsense."""

    def __init__(self) -> None:
        super().__init__()
        self._said_s_by_message: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == "tracen":  # ours are settled where they are made
            return True
        now_s, message = time.monotonic(), (record.name, str(record.msg))
        if now_s - self._said_s_by_message.get(message, -_QUIET_S) < _QUIET_S:
            return False
        if len(self._said_s_by_message) >= _MAX_MESSAGES:
            self._said_s_by_message.clear()
        self._said_s_by_message[message] = now_s
        return True


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
