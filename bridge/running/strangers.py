"""How many requests a server has refused since their key was nobody's: told by its /metrics, if that is open."""

from __future__ import annotations

import re
from collections import Counter

from bridge.asking import Server, ServerError

_REFUSED = re.compile(
    r'^tracen_requests_total\{door="([a-z-]+)",outcome="(?:unauthenticated|too_many_guesses)",signal="[a-z]+"\} (\S+)',
    re.MULTILINE,
)


def refused_strangers(server: Server) -> Counter[str]:
    """By door; empty where the server does not say."""
    try:
        answer = server.ask("GET", "/metrics")
    except ServerError:
        return Counter()
    found: Counter[str] = Counter()
    if answer.status == 200:
        for door, count in _REFUSED.findall(answer.data.decode(errors="replace")):
            found[door] += int(float(count))
    return found
