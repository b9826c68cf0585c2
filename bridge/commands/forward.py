"""`tracen forward`: a server that delivers what it receives to another endpoint, and how that stands."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import click

from bridge import presence
from bridge.commands.serve import WithSettings, serve_with, with_settings
from bridge.console import file_named, json_option, on_store, remark
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
@json_option
@click.option(
    "--forget", metavar="URL", help="Forget all that is kept of an endpoint that is delivered to no more."
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
        remark(
            f"tracen: a server is using {settings.db} already; give --forward-to to that `tracen serve`",
            fg="red",
        )
        raise click.exceptions.Exit(2)
    serve_with(settings)


def _tell(db: str, *, as_json: bool) -> None:
    from bridge.forwarding.standing import as_json as in_json
    from bridge.forwarding.standing import lines

    if "://" not in db and not file_named(db).exists():
        raise click.BadParameter(f"there is no store {db}", param_hint="--db")
    now_ns = time.time_ns()
    standings = on_store(db, lambda store: store.delivery_standings(now_ns))
    doors = presence.find(db)
    served = doors.forward_to if doors else ""
    if not standings:
        remark("Nothing is delivered from this store: `tracen serve` was never given --forward-to.")
    for number, standing in enumerate(_worth_telling(standings, served)):
        is_running = standing.target.url == served
        if as_json:
            click.echo(json.dumps(in_json(standing, now_ns, is_running=is_running), ensure_ascii=False))
        else:
            click.echo(("\n" if number else "") + "\n".join(lines(standing, now_ns, is_running=is_running)))


def _forget(db: str, url: str, *, is_sure: bool) -> None:
    """Forget an endpoint. Raises click.ClickException where it is delivered to, or where there is none such."""
    standings = on_store(db, lambda store: store.delivery_standings(time.time_ns()))
    standing = next((one for one in standings if one.target.url == normal_url(url)), None)
    if standing is None:
        known = "".join(f"\n  {one_line(one.target.url)}" for one in standings) or " none"
        raise click.BadParameter(
            f"nothing is kept of {one_line(url)}; known are:{known}", param_hint="--forget"
        )
    _check_is_unused(db, standing.target.url)
    if not is_sure:
        if not sys.stdin.isatty():
            raise click.UsageError("--forget asks first: give --yes where nobody can answer")
        waiting = standing.counts[DeliveryState.WAITING] + standing.counts[DeliveryState.HELD]
        what = f"Forget {one_line(standing.target.url)}: {waiting:,} traces that wait, {standing.posts:,} delivered"
        click.confirm(f"{what}? What is there stays there.", abort=True, err=True)
    _check_is_unused(db, standing.target.url)
    on_store(db, lambda store: store.forget_deliveries(standing.target.url))
    remark(f"{one_line(standing.target.url)} is forgotten here.")


def _check_is_unused(db: str, url: str) -> None:
    try:
        doors = presence.look(db)
    except presence.Untold as error:
        raise click.ClickException(f"{error}; so nothing is forgotten") from None
    if doors and doors.forward_to and normal_url(doors.forward_to) == url:
        raise click.ClickException(
            f"the server that is running delivers to {one_line(url)}: stop it, or have it deliver elsewhere"
        )


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
