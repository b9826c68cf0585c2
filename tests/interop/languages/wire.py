"""How the spans of a run came: over which door, in which encoding, and compressed or not."""

from __future__ import annotations

import httpx2

from tests.interop.languages.facts import PROMPT
from tests.interop.languages.program import GRPC, JSON, PROTOBUF, Run
from tests.processes import TracenProcess

CAME_BY_PROTOCOL = {
    GRPC: ("otlp-grpc", "application/x-protobuf"),
    PROTOBUF: ("otlp-http", "application/x-protobuf"),
    JSON: ("otlp-http", "application/json"),
}
"""Door and encoding, as the server tells them of a request."""


def assert_came_as_asked(run: Run, tracen: TracenProcess) -> None:
    """In the protocol that was asked for: a server that takes them all, and an SDK that ignores it, hide another one.

    Compressed or not is seen in what was sent: the prompt can be read in it, or can not.
    """
    with httpx2.Client(trust_env=False, timeout=60, headers={"x-tracen-key": tracen.key}) as client:
        told = client.get(f"{tracen.http}/api/requests").raise_for_status().json()["requests"]
    came = {(request["door"], request["encoding"]) for request in told if request["url"] == run.url}
    assert came == {CAME_BY_PROTOCOL[run.protocol]}
    assert run.sent, "nothing came through the relay"
    assert (PROMPT.encode() in run.sent) == (not run.compression)
