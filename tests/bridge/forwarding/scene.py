"""What tests of forwarding do and look at again and again."""

from __future__ import annotations

from dataclasses import replace

from tests.bridge.forwarding.source import Source
from tests.bridge.forwarding.strict_tracen import RunningStrictTracen
from viewer.store.deliveries import DeliveryState


async def reopened(source: Source, **changes: object) -> None:
    """With other terms."""
    source.terms = replace(source.terms, **changes)  # type: ignore[arg-type]
    await source.restart()


async def later(source: Source, seconds: float) -> None:
    source.clock.forward(seconds)
    await source.work()


async def reasons(source: Source) -> dict[tuple[DeliveryState, str], int]:
    return dict((await source.queue.standing(source.clock())).reasons)


def steps(strict: RunningStrictTracen) -> list[list[str]]:
    return [[step["name"] for step in payload["steps"]] for payload in strict.pages.values()]


def posted(strict: RunningStrictTracen) -> int:
    return sum(request.method == "POST" for request in strict.requests)
