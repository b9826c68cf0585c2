"""What a shell may complete: names of files, accounts of the store, the newest traces.

Quick, and silent where something is wrong: nobody asked for anything yet.
"""

from __future__ import annotations

import os
from typing import ClassVar

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

_TIMEOUT_S = 1.0
_MANY = 50


class FileName(StringParamType):
    """The name of a file, which may not be there yet."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class Email(StringParamType):
    """The address of an account of the store at --db."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from bridge.console import file_named
        from bridge.whereabouts import store_meant
        from viewer.store.glance import addresses

        try:
            db = file_named(store_meant(ctx.params.get("db")))
        except click.BadParameter:
            return []
        return [CompletionItem(one) for one in addresses(db, incomplete, _MANY)]


class Traces(StringParamType):
    """A trace of the key's account: the newest ones, with their names where the shell shows them."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from bridge.asking import Server, ServerError
        from bridge.console import BaseUrl
        from bridge.whereabouts import whereabouts
        from viewer.logs import one_line

        endpoint = ctx.params.get("endpoint") or os.environ.get("TRACEN_ENDPOINT")
        key = ctx.params.get("key") or os.environ.get("TRACEN_KEY")
        try:
            found = whereabouts(endpoint and BaseUrl().convert(endpoint, None, None), ctx.params.get("db"))
            if not key or found.is_usual:  # nobody said that the usual address is the key's
                return []
            server = Server(found.endpoint, key, _TIMEOUT_S)
            traces = server.get("/api/traces", limit=str(_MANY))["traces"]
            told = [(str(one["trace_id"]), one_line(str(one["title"] or ""))[:60]) for one in traces]
        except (ServerError, click.UsageError, LookupError, TypeError):
            return []
        return [CompletionItem(name, help=title) for name, title in told if name.startswith(incomplete)]


class _Types:
    by_metavar: ClassVar[dict[str, click.ParamType[str]]] = {"FILE": FileName(), "EMAIL": Email()}


def complete(command: click.Command) -> None:
    """Let a shell complete what is called FILE or EMAIL."""
    for param in command.params:
        known = _Types.by_metavar.get((param.metavar or "").strip("[]…."))
        if known and type(param.type) is StringParamType:
            param.type = known
