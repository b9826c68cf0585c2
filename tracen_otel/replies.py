"""The bodies of a server's answers, read with suspicion: a page, where to subscribe, which fields are wrong.

What is not what it should be is None or "". Knows no socket, no error.
"""

from __future__ import annotations

import json
import re
import uuid
from urllib.parse import urlsplit

from tracen_otel.published import PublishedTrace

_MAX_URL = 2000
_MAX_TOLD_URL = 200
_MAX_TOLD_FIELDS = 5
_FIELD_PATH = re.compile(r"[a-z_.\[\]0-9]{1,80}")
_NO_SUCH = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def page_in(reply: bytes, otel_trace_id: str | None) -> PublishedTrace | None:
    """The page that an answer tells of; None where it is not that of a Tracen server."""
    try:
        value = json.loads(reply)
        trace_id = str(uuid.UUID(value["trace_id"]))
        url = value["url"]
        return PublishedTrace(trace_id, url, otel_trace_id) if _is_url(url) else None
    except _NO_SUCH:
        return None


def subscribe_url_in(reply: bytes) -> str:
    """Where a problem+json answer says that a subscription is to be had; "" where it does not."""
    try:
        url = json.loads(reply)["subscribe_url"]
        return url if _is_url(url) and len(url) <= _MAX_TOLD_URL else ""
    except _NO_SUCH:
        return ""


def refused_fields_in(reply: bytes) -> str:
    """Which fields a problem+json answer names: the paths alone, as the rest may quote the payload."""
    try:
        paths = [str(error["field"]) for error in json.loads(reply)["errors"][:_MAX_TOLD_FIELDS]]
    except _NO_SUCH:
        return ""
    return ", ".join(path for path in paths if _FIELD_PATH.fullmatch(path))


def _is_url(text: str) -> bool:
    return urlsplit(text).scheme in ("http", "https") and text.isprintable() and len(text) <= _MAX_URL
