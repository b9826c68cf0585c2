"""`tracen serve`: one option a setting, and the words of a server that has started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import click

from bridge import presence
from bridge.console import BaseUrl, clear_errors, command_on, file_named, run
from bridge.help import Sectioned
from viewer.settings import Settings, duration_ns, flag_of

if TYPE_CHECKING:
    from bridge.server import Ready

Command = Callable[..., None]


def with_settings(command: Command, short_by_name: Mapping[str, str] | None = None) -> Command:
    """Give a command one option per setting, each with its environment variable and default in --help.

    Those of `short_by_name` have a second, shorter flag.
    """
    command = click.option(
        "--verbose",
        "-v",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_note,
        help="Short for --log-level debug.",
    )(command)
    for setting in reversed(fields(Settings)):
        default = setting.default_factory() if setting.default is MISSING else setting.default
        short = (short_by_name or {}).get(setting.name)
        command = click.option(
            flag_of(setting),
            *((short,) if short else ()),
            setting.name,
            default=default,
            show_default=bool(default),  # of a switch, its name that is on
            type=_type_of(setting, default),
            envvar=f"TRACEN_{setting.name.upper()}",
            show_envvar=True,
            metavar=_metavar_of(setting, default),
            help=setting.metadata["help"],
            callback=_told_more if setting.name == "log_level" else None,
        )(command)
    return command


def _told_more(ctx: click.Context, param: click.Parameter, level: str) -> str:
    """The level, or that of --verbose."""
    return "debug" if ctx.meta.get(_IS_VERBOSE) else level


def _note(ctx: click.Context, param: click.Parameter, is_wanted: bool) -> None:
    ctx.meta[_IS_VERBOSE] = is_wanted


_IS_VERBOSE = "tracen.verbose"
_METAVARS = {
    "db": "FILE",
    "host": "ADDRESS",
    "cors_origins": "ORIGINS",
    "forward_accounts": "EMAILS",
    "forward_key": "KEY",
    "operator_token": "TOKEN",
    "stripe_api_base": "URL",
    "stripe_secret_key": "KEY",
    "stripe_webhook_secret": "SECRET",
    "tls_cert": "FILE",
    "tls_key": "FILE",
}


def _metavar_of(setting: Field[Any], default: Any) -> str | None:
    """What stands for a value in --help; None: what its type says."""
    if isinstance(default, int) and not isinstance(default, bool):
        return "PORT" if setting.name.endswith("port") else "N"
    return _METAVARS.get(setting.name)


def _type_of(setting: Field[Any], default: Any) -> Any:
    if setting.name.endswith("port"):
        return click.IntRange(0, 65535)
    if setting.name in ("base_url", "forward_to"):
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


class WithSettings(Sectioned):
    """A command whose options are the settings: told by what they are about."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {
        "What is kept": ("db", "retention", "redact"),
        "Where it is": (
            *("host", "port", "otlp_grpc_port", "otlp_http_port", "base_url", "allowed_hosts", "proxies"),
            *("cors_origins", "tls_cert", "tls_key"),
        ),
        "Who may, and how much": (
            *("sign_up", "operator_token", "requests_per_hour", "plans", "max_body_bytes"),
            *("otlp_max_body_bytes", "otlp_bytes_per_minute", "account_max_bytes"),
        ),
        "Delivery to another Tracen": (
            *(
                "forward_to",
                "forward_key",
                "forward_only",
                "forward_order",
                "forward_quiet",
                "forward_rootless",
            ),
            *("forward_longest", "forward_per_hour", "forward_past", "forward_accounts"),
        ),
        "Subscriptions": (
            *("require_subscription", "stripe_secret_key", "stripe_webhook_secret", "stripe_prices"),
            "stripe_api_base",
        ),
        "What it says": ("log_format", "log_level", "verbose"),
    }


@click.command(cls=WithSettings)
@with_settings
def serve(**options: Any) -> None:
    """Run viewer and bridge in one process until SIGTERM or Ctrl-C.

    When every port accepts, one line goes to stdout: ready http=… otlp-grpc=… otlp-http=…

    Example: tracen serve --base-url https://traces.team.example --tls-cert chain.pem --tls-key key.pem
    """
    serve_with(Settings(**options))


def serve_with(settings: Settings) -> None:
    """Serve until a signal ends it. Raises click.UsageError for settings that can not be."""
    os.environ.setdefault(
        "GRPC_VERBOSITY", "NONE"
    )  # before grpc is imported: its errors reach us as exceptions
    from bridge.forwarding.terms import WrongTerms, terms_of
    from bridge.grpc_server import PortTaken
    from bridge.heap import give_back_large_blocks
    from bridge.server import serve as serve_until_stopped
    from viewer.logs import configure

    try:
        terms_of(settings)
    except WrongTerms as error:
        raise click.UsageError(str(error)) from None
    if "://" not in settings.db:
        file_named(settings.db)
    configure(settings.log_format, settings.log_level)
    give_back_large_blocks()
    with clear_errors():
        try:
            run(serve_until_stopped(settings, partial(_announce, settings)))
        except PortTaken as error:
            if "://" not in settings.db and presence.find(settings.db) is not None:
                stop = command_on(settings.db, "stop")
                hint = f"a server has {settings.db} already: stop it (`{stop}`), or give --db another too"
                raise PortTaken(f"{error}; {hint}") from None
            raise


def _announce(settings: Settings, ready: Ready) -> None:
    """Machines read stdout, people stderr unless logs are for machines, other commands what is beside the store."""
    from tracen_otel.endpoint import normal_url
    from viewer.accounts.addresses import LOCAL

    db, is_for_people = settings.db, settings.log_format != "json"
    if "://" not in db:
        forward_to = normal_url(settings.forward_to) if settings.forward_to else ""
        doors = (ready.http, ready.otlp_grpc, ready.otlp_http, ready.base_url)
        presence.tell(db, presence.Doors(*doors, os.getpid(), forward_to))
    if ready.first_secret:
        click.echo(f"A local account was made. Its key, shown this once: {ready.first_secret}", err=True)
        click.echo(
            f"Its traces in a browser, with a link that works once, for 15 minutes: {ready.first_link}",
            err=True,
        )
    elif ready.lacks_key and is_for_people:
        create = command_on(db, "keys", "create", "--account", LOCAL)
        click.echo(f"The local account has no key that lasts: `{create}` makes one.", err=True)
    if is_for_people:
        click.echo(
            f"`{command_on(db, 'open', '--app')}` opens the traces of the local account in a browser.",
            err=True,
        )
    if sys.stderr.isatty():
        click.secho(f"Tracen is at {ready.base_url} (Ctrl-C ends it)", err=True, bold=True)
    click.echo(f"ready http={ready.http} otlp-grpc={ready.otlp_grpc} otlp-http={ready.otlp_http}")
    sys.stdout.flush()
