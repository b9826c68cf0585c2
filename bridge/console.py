"""What every command of `tracen` does the same way: it runs, reads URLs, and tells errors as messages."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

T = TypeVar("T")

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
"""Where a server is that was given no setting."""


class BaseUrl(click.ParamType[str]):
    """The start of an absolute URL; what goes into headers must be ASCII."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        parts = urlsplit(text)
        is_usable = (
            parts.scheme in ("http", "https") and parts.netloc and not parts.query and not parts.fragment
        )
        if text and not (is_usable and text.isascii() and text.isprintable() and " " not in text):
            self.fail(
                f"expected the start of a URL such as https://traces.example, got {text[:80]!r}", param, ctx
            )
        return text


def account_named(email: str) -> str:
    """The address of an account that a command is called for. The example's belongs to the server alone."""
    from viewer.accounts.addresses import known_address
    from viewer.front.sample import EMAIL

    address = known_address(email)
    if address == EMAIL:
        raise click.UsageError(f"{EMAIL} is the server's own, for the example on its front page")
    return address


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it exists (not on Windows)."""
    try:
        from uvloop import new_event_loop
    except ModuleNotFoundError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """What keeps a command from starting is a message and exit code 2, never a traceback."""
    from viewer.store.base import StoreError

    try:
        yield
    except (OSError, StoreError) as error:
        click.secho(f"tracen: {error}", fg="red", err=True)
        sys.exit(2)
