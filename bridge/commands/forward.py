"""`tracen forward`: a server that delivers what it receives to another endpoint, and how that stands."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import click

from bridge import presence
from bridge.commands.serve import WithSettings, serve_with, with_settings
from bridge.console import clear_errors, command_on, complain, on_store, remark, sqlite_file
from tracen_otel.endpoint import normal_url
from viewer.logs import one_line
from viewer.settings import Settings
from viewer.store.deliveries import DeliveryState, Standing

_SHORT = {
    "forward_to": "--to",
    "forward_key": "--key",
    "forward_only": "--only",
    "forward_order": "--order",
}


_DELIVERY = "Delivery to another Tracen"


class _Forward(WithSettings):
    """What it is called for comes first."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {
        _DELIVERY: (*WithSettings.sections[_DELIVERY], "status", "as_json", "forget", "yes")
    } | {
        title: names
        for title, names in WithSettings.sections.items()
        if title != "Delivery to another Tracen"
    }


@click.command(cls=_Forward)
@partial(with_settings, short_by_name=_SHORT)
@click.option(
    "--status", is_flag=True, help="Tell how the deliveries stand, beside a running server or without one."
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --status: as a JSON array, an object for each endpoint."
)
@click.option(
    "--forget",
    metavar="URL",
    help="Forget all that is kept of an endpoint that is delivered to no more; the server must be stopped.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether to forget it.")
def forward(*, status: bool, as_json: bool, forget: str | None, yes: bool, **options: Any) -> None:
    """Receive as `tracen serve` does, and deliver finished traces to another Tracen: --to URL, --key KEY.

    What waits is kept beside the store, in FILE-forward, over restarts and outages; the endpoint's limit is kept
    (100 posts an hour where it tells none). --to, --key, --only and --order are short for --forward-to, …

    Example: TRACEN_FORWARD_KEY=tracen_sk_… tracen forward --to https://traces.example
    """
    settings = Settings(**options)
    if yes and forget is None:
        raise click.UsageError("--yes belongs to --forget")
    if forget is not None:
        if status or as_json:
            raise click.UsageError("--forget goes alone: neither --status nor --json belongs to it")
        _forget(settings.db, forget, is_sure=yes)
        return
    if status:
        _tell(settings.db, as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json belongs to --status")
    if not settings.forward_to:
        raise click.UsageError("deliver where? Give --to URL; --status tells how deliveries stand")
    if "://" not in settings.db and presence.find(settings.db):
        complain(f"a server is using {settings.db} already; give --forward-to to that `tracen serve`")
        raise click.exceptions.Exit(2)
    serve_with(settings)


def _tell(db: str, *, as_json: bool) -> None:
    from bridge.forwarding.standing import as_json as in_json, lines

    now_ns = time.time_ns()
    standings = on_store(db, lambda store: store.delivery_standings(now_ns))
    doors = presence.find(db)
    served = doors.forward_to if doors else ""
    told = [(one, one.target.url == served) for one in _worth_telling(standings, served)]
    if as_json:
        objects = [in_json(standing, now_ns, is_running=is_running) for standing, is_running in told]
        click.echo(json.dumps(objects, ensure_ascii=False))
        return
    if not told:
        remark("Nothing is delivered from this store: `tracen serve` was never given --forward-to.")
    for number, (standing, is_running) in enumerate(told):
        click.echo(("\n" if number else "") + "\n".join(lines(standing, now_ns, is_running=is_running)))


def _forget(db: str, url: str, *, is_sure: bool) -> None:
    """Forget an endpoint. Raises click.ClickException where a server has the store, or there is none such."""
    standings = on_store(db, lambda store: store.delivery_standings(time.time_ns()))
    standing = next((one for one in standings if one.target.url == normal_url(url)), None)
    if standing is None:
        known = "".join(f"\n  {one_line(one.target.url)}" for one in standings) or " none"
        raise click.BadParameter(
            f"nothing is kept of {one_line(url)}; known are:{known}", param_hint="--forget"
        )
    _check_is_stopped(db)
    if not is_sure:
        if not sys.stdin.isatty():
            raise click.UsageError("--forget asks first: give --yes where nobody can answer")
        waiting = standing.counts[DeliveryState.WAITING] + standing.counts[DeliveryState.HELD]
        what = f"Forget {one_line(standing.target.url)}: {waiting:,} traces that wait, {standing.posts:,} delivered"
        click.confirm(f"{what}? What is there stays there.", abort=True, err=True)
    _check_is_stopped(db)
    with clear_errors(), _alone_at(db):
        on_store(db, lambda store: store.forget_deliveries(standing.target.url))
    remark(f"{one_line(standing.target.url)} is forgotten here.")


def _check_is_stopped(db: str) -> None:
    try:
        doors = presence.look(db)
    except presence.Untold as error:
        raise click.ClickException(f"{error}; so nothing is forgotten") from None
    if doors:
        raise click.ClickException(
            f"the server at {doors.http} has this store, and writes its queue: end it (`{command_on(db, 'stop')}`), "
            "forget, and start it again"
        )


def _alone_at(db: str) -> contextlib.AbstractContextManager[None]:
    """Keep servers away while the queue is written: of a file only one connection may write at a time."""
    from viewer.store.aside import only_one

    return contextlib.nullcontext() if "://" in db else only_one(sqlite_file(db).resolve())


def _worth_telling(standings: Sequence[Standing], served: str) -> list[Standing]:
    """What is served, and what was used last; of other targets those for which something waits."""
    return [
        standing
        for standing in standings
        if standing is standings[-1]
        or standing.target.url == served
        or standing.counts[DeliveryState.WAITING]
        or standing.counts[DeliveryState.HELD]
    ]
