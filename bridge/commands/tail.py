"""`tracen tail`: each new trace as a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from typing import Any

import click

from bridge.asking import Server, ServerError
from bridge.console import db_option, endpoint_option, json_option, key_option, linked
from bridge.whereabouts import Whereabouts, key_for, whereabouts

_TIME_WIDTH, _TITLE_WIDTH = 12, 40


@click.command(epilog="Exit codes: 0 ended by Ctrl-C, 1 it failed, 2 called wrongly.")
@endpoint_option
@key_option
@db_option
@click.option(
    "--last",
    metavar="N",
    default=10,
    show_default=True,
    type=click.IntRange(0, 100),
    help="How many of the earlier traces come first.",
)
@json_option
def tail(endpoint: str | None, key: str | None, db: str, last: int, as_json: bool) -> None:
    """Print each new trace: time, status, name, URL. Ctrl-C ends it.

    Without a key, those of the local account of --db, where its server is asked.

    Example: tracen tail --last 20
    """
    try:
        with closing(_traces(whereabouts(endpoint, db), key, db, last)) as traces:
            for trace in traces:
                click.echo(json.dumps(trace, ensure_ascii=False) if as_json else _line(trace, datetime.now()))
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _traces(found: Whereabouts, key: str | None, db: str, last: int) -> Generator[dict[str, Any]]:
    """The traces as they come. A key that was made for this ends after a day: then it goes on with another."""
    from bridge.tail import Tail

    tail = Tail(last)
    while True:
        with key_for(found, key, db, "tracen tail") as known:
            try:
                yield from tail.follow(Server(found.endpoint, known))
            except ServerError as error:
                if key or error.status != 401 or not tail.is_answered:
                    raise found.refusal(error) from None


def _line(trace: dict[str, Any], now: datetime) -> str:
    """Time of this machine's clock zone; the names cut as in what `tracen run` lists."""
    from rich.cells import set_cell_size

    from bridge.running.report import status_of, status_told
    from viewer.logs import one_line

    started_at = datetime.fromisoformat(trace["started_at"]).astimezone() if trace["started_at"] else None
    title = set_cell_size(one_line(str(trace["title"] or "unnamed")), _TITLE_WIDTH)
    url = linked(one_line(str(trace["url"])))
    return f"{_time_told(started_at, now):>{_TIME_WIDTH}}  {status_told(status_of(trace))}  {title}  {url}"


def _time_told(started_at: datetime | None, now: datetime) -> str:
    """To the second for what began today; else the day as `ls -l` tells it, and the year for that of another one."""
    if started_at is None:
        return "--:--:--"
    if started_at.date() == now.date():
        return started_at.strftime("%H:%M:%S")
    return started_at.strftime("%b %d %H:%M" if started_at.year == now.year else "%b %d  %Y")
