"""What servers are told to serve: each request is one agent's run, named by its path, answered by a pid."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tests.tracen_otel.surroundings.traced import provider, run_agent


def _answer(path: str) -> bytes:
    if path != "/ready":
        run_agent(path.removeprefix("/"))
    return str(os.getpid()).encode()


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = _answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        provider.shutdown()  # uvicorn ends by the signal it was sent, and runs no exit handlers
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = _answer(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
