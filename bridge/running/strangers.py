"""What a server has seen that belongs to no key: told by its /metrics, if that is open."""

from __future__ import annotations

import re
from collections import Counter

from bridge.asking import Server, ServerError

HTTP2 = "http2"
"""Counted under this name: connections of gRPC to a port of HTTP."""
_REFUSED = re.compile(
    r'^tracen_requests_total\{door="([a-z-]+)",outcome="(?:unauthenticated|too_many_guesses)",signal="[a-z]+"\} (\S+)',
    re.MULTILINE,
)
_HTTP2_COUNT = re.compile(r"^tracen_http2_connections (\S+)", re.MULTILINE)


def strangers_at(server: Server) -> Counter[str]:
    """How many requests had a key that is nobody's, by door; empty where the server does not say."""
    found: Counter[str] = Counter()
    try:
        answer = server.ask("GET", "/metrics")
    except ServerError:
        return found
    if answer.status == 200:
        text = answer.data.decode(errors="replace")
        for door, count in _REFUSED.findall(text):
            found[door] += int(float(count))
        if http2 := _HTTP2_COUNT.search(text):
            found[HTTP2] = int(float(http2[1]))
    return found
