"""`tracen tail`: each new trace as a line."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import click

from bridge.asking import Server, ServerError
from bridge.console import endpoint_option, json_option, key_option, known_key, linked
from bridge.whereabouts import whereabouts


@click.command(epilog="Exit codes: 0 ended by Ctrl-C, 1 it failed, 2 called wrongly.")
@endpoint_option
@key_option
@click.option(
    "--last",
    metavar="N",
    default=10,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Of earlier ones.",
)
@json_option
def tail(endpoint: str | None, key: str | None, last: int, as_json: bool) -> None:
    """Print each new trace: time, status, name, URL. Ctrl-C ends it.

    Example: TRACEN_KEY=tracen_sk_… tracen tail
    """
    from bridge.tail import Tail

    found = whereabouts(endpoint)
    try:
        for trace in Tail(Server(found.endpoint, known_key(key))).follow(last):
            click.echo(json.dumps(trace, ensure_ascii=False) if as_json else _line(trace))
            sys.stdout.flush()
    except ServerError as error:
        raise found.refusal(error) from None
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
    url = linked(one_line(str(trace["url"])))
    return f"{time_told}  {click.style(f'{status:7}', fg=colour)}  {title:40}  {url}"
