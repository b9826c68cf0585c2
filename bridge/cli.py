"""The command line `tracen`: reads options, composes the parts, turns errors into messages and exit codes.

Exit codes: 0 done, 1 it failed, 2 it was called wrongly or can not start (a port or the file is taken).
Heavy imports wait until a command needs them, so that --help and errors are quick.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bridge.accounts_command import accounts
from bridge.console import DEFAULT_BASE_URL, BaseUrl, account_named, clear_errors, run
from viewer.settings import Settings, default_db, duration_ns, flag_of

if TYPE_CHECKING:
    from bridge.server import Ready

Command = Callable[..., None]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tracen-otel", prog_name="tracen")
def tracen() -> None:
    """Share what an LLM agent did: OpenTelemetry spans in, a permanent, readable page out."""


def _with_settings(command: Command) -> Command:
    """Give a command one option per setting, each with its environment variable and default in --help."""
    for setting in reversed(fields(Settings)):
        default = setting.default_factory() if setting.default is MISSING else setting.default
        command = click.option(
            flag_of(setting),
            setting.name,
            default=default,
            show_default=bool(default),  # of a switch, its name that is on
            type=_type_of(setting, default),
            envvar=f"TRACEN_{setting.name.upper()}",
            show_envvar=True,
            help=setting.metadata["help"],
        )(command)
    return command


def _type_of(setting: Field[Any], default: Any) -> Any:
    if setting.name.endswith("port"):
        return click.IntRange(0, 65535)
    if setting.name == "base_url":
        return BaseUrl()
    if setting.name == "retention":
        return _Duration()
    if setting.name == "allowed_hosts":
        return _Hosts()
    if setting.name == "plans":
        return _Plans()
    if setting.name == "stripe_prices":
        return _Prices()
    if setting.metadata["choices"]:
        return click.Choice(setting.metadata["choices"])
    if isinstance(default, bool):
        return click.BOOL
    return click.IntRange(min=setting.metadata["least"]) if isinstance(default, int) else str


class _Duration(click.ParamType[str]):
    """A time such as 30d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            if value:
                duration_ns(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class _Hosts(click.ParamType[str]):
    """Names such as a.example,b.example, or *."""

    name = "hosts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from viewer.network import host_of

        for name in filter(None, (part.strip() for part in str(value).split(","))):
            if name != "*" and host_of(name) != name.lower().rstrip("."):
                self.fail(f"expected names without scheme or port such as a.example, or *, got {name[:80]!r}")
        return str(value)


class _Plans(click.ParamType[str]):
    """Plans such as free=100,pro=1000."""

    name = "plans"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value:
            from viewer.limits import plans_of

            try:
                plans_of(str(value), 1)
            except ValueError as error:
                self.fail(str(error), param, ctx)
        return str(value)


class _Prices(click.ParamType[str]):
    """Plans and their prices such as pro=price_123."""

    name = "prices"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value:
            from viewer.subscriptions.prices import prices_of

            try:
                prices_of(str(value))
            except ValueError as error:
                self.fail(str(error), param, ctx)
        return str(value)


@tracen.command()
@_with_settings
def serve(**options: Any) -> None:
    """Run viewer and bridge in one process until SIGTERM or Ctrl-C.

    When every port accepts, one line goes to stdout: ready http=… otlp-grpc=… otlp-http=…
    """
    os.environ.setdefault(
        "GRPC_VERBOSITY", "NONE"
    )  # before grpc is imported: its errors reach us as exceptions
    from bridge.heap import give_back_large_blocks
    from bridge.server import serve as serve_until_stopped
    from viewer.logs import configure

    settings = Settings(**options)
    configure(settings.log_format, settings.log_level)
    give_back_large_blocks()
    with clear_errors():
        run(serve_until_stopped(settings, partial(_announce, settings.db)))


def _announce(db: str, ready: Ready) -> None:
    """Machines read stdout, people stderr."""
    if ready.first_secret:
        click.echo(f"A local account was made. Its key, shown this once: {ready.first_secret}", err=True)
        click.echo(
            f"Its traces in a browser, with a link that works once, for 15 minutes: {ready.first_link}\n"
            f"`{_link_command(db, ready.base_url)}` makes another one.",
            err=True,
        )
    if sys.stderr.isatty():
        click.secho(f"Tracen is at {ready.base_url} (Ctrl-C ends it)", err=True, bold=True)
    click.echo(f"ready http={ready.http} otlp-grpc={ready.otlp_grpc} otlp-http={ready.otlp_http}")
    sys.stdout.flush()


def _link_command(db: str, base_url: str) -> str:
    """What makes another link to this server from any folder, with what is not the default."""
    from viewer.accounts.addresses import LOCAL

    words = ["tracen", "accounts", "link", LOCAL]
    if db != default_db():
        words += ["--db", os.path.abspath(db)]
    if base_url != DEFAULT_BASE_URL:
        words += ["--base-url", base_url]
    return shlex.join(words)


tracen.add_command(accounts)


@tracen.group()
def keys() -> None:
    """API keys: what programs send as X-Tracen-Key."""


@keys.command("create")
@click.option("--account", "email", required=True, metavar="EMAIL", help="Whose; made if there is none.")
@click.option("--label", default="", help="What the key is for.")
@click.option("--db", default=default_db, envvar="TRACEN_DB", show_envvar=True, help="The store's file.")
def keys_create(email: str, label: str, db: str) -> None:
    """Create a key and print it, alone, on stdout. It can not be shown again."""
    if "@" not in email.strip("@"):
        raise click.BadParameter(f"expected an email address, got {email!r}", param_hint="--account")
    with clear_errors():
        click.echo(run(_create_key(db, account_named(email), label)))


async def _create_key(db: str, email: str, label: str) -> str:
    from viewer.keys import create_key
    from viewer.store.engines import open_store

    store = open_store(db, exclusive=False)
    try:
        return await create_key(store, email, time.time_ns(), label)
    finally:
        await store.close()


@tracen.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--logs", multiple=True, metavar="FILE", help="OTLP log bodies whose events belong to the spans."
)
@click.option("--extended", is_flag=True, help="Add the documented extension to every payload.")
@click.option("--redact/--no-redact", default=True, show_default=True, help="Mask secrets.")
def convert(files: tuple[str, ...], logs: tuple[str, ...], extended: bool, redact: bool) -> None:
    """Turn OTLP trace request bodies (.pb, .json; - is stdin) into payloads, one JSON line a trace."""
    from bridge.convert import convert as convert_files
    from tracen_otel.otlp import UndecodableBody

    try:
        for line in convert_files(files, logs, extended=extended, redacts=redact):
            click.echo(line)
    except (OSError, UndecodableBody) as error:
        raise click.ClickException(str(error)) from None


@tracen.command()
@click.option(
    "--endpoint",
    default=DEFAULT_BASE_URL,
    show_default=True,
    envvar="TRACEN_ENDPOINT",
    show_envvar=True,
    help="Where Tracen is.",
)
@click.option("--key", envvar="TRACEN_KEY", show_envvar=True, help="Whose traces.")
@click.option("--last", default=10, show_default=True, type=click.IntRange(0, 100), help="Of earlier ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def tail(endpoint: str, key: str | None, last: int, as_json: bool) -> None:
    """Print each new trace: time, status, name, URL. Ctrl-C ends it.

    Example: TRACEN_KEY=tracen_sk_… tracen tail
    """
    from bridge.tail import Tail, TailError

    if not key:
        raise click.UsageError("whose traces? Give --key or set TRACEN_KEY; `tracen keys create` makes one")
    try:
        for trace in Tail(endpoint, key).follow(last):
            click.echo(json.dumps(trace, ensure_ascii=False) if as_json else _line(trace))
            sys.stdout.flush()
    except TailError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        return


def _line(trace: dict[str, Any]) -> str:
    """Time of this machine's clock zone; the name last but one, since it may be long."""
    from viewer.logs import one_line

    started_at = datetime.fromisoformat(trace["started_at"]) if trace["started_at"] else None
    time_told = started_at.astimezone().strftime("%H:%M:%S") if started_at else "--:--:--"
    status = str(trace["status"])
    colour = "red" if status == "error" else "green"
    title = one_line(str(trace["title"] or "unnamed"))[:60]
    return f"{time_told}  {click.style(f'{status:7}', fg=colour)}  {title:40}  {trace['url']}"
