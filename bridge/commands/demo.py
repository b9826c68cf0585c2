"""`tracen demo`: traces to look at, as programs of many kinds would have sent them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from bridge.asking import Server, ServerError
from bridge.console import bar_a_stage, command_on, linked, remark
from bridge.destination import Destination, destination, destination_options

if TYPE_CHECKING:
    from bridge.sending import Sender

MAX_COUNT = 100_000
_TIMEOUT_S = 120.0
_SHOWN = (
    "a support agent",
    "a coding agent",
    "answers from a handbook",
    "a run that is left unfinished",
    "2,000 steps of a night's job",
    "secrets that are masked",
)
"""What the first traces are, as a visitor is told."""


@click.command()
@click.option(
    "--count",
    metavar="N",
    default=60,
    show_default=True,
    type=click.IntRange(1, MAX_COUNT),
    help="How many traces, up to 100,000.",
)
@click.option("--seed", metavar="N", type=int, help="The same traces each time; default: others each time.")
@click.option("--delete", "is_deletion", is_flag=True, help="Delete what this command made, of this account.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object: how much came, and the pages of the first traces.",
)
@destination_options
def demo(
    count: int,
    seed: int | None,
    is_deletion: bool,
    as_json: bool,
    endpoint: str | None,
    key: str | None,
    db: str,
) -> None:
    """Fill an instance with varied traces of the last days: agents, tools, failures, many languages and dialects.

    Nothing is asked of any model: what they say is made up here. `--delete` takes them away again.

    Example: tracen demo --count 1000
    """
    try:
        with destination(endpoint, key, db, "tracen demo") as found:
            if is_deletion:
                _delete(found, as_json=as_json)
                return
            filled = _fill(found, count, time.time_ns() % 1_000_000 if seed is None else seed)
    except KeyboardInterrupt:
        remark("Interrupted; `tracen demo --delete` takes away what has come.")
        raise
    if as_json:
        click.echo(json.dumps(asdict(filled), ensure_ascii=False))
    else:
        _tell(filled, db if found.is_local else None)


@dataclass(frozen=True, slots=True)
class _Filled:
    """What came. `pages`: of the first traces what each shows, and where; `url`: of the list of all."""

    traces: int
    spans: int
    seconds: float
    pages: list[dict[str, str]]
    url: str


def _fill(found: Destination, count: int, seed: int) -> _Filled:
    from bridge.importing.importer import pages
    from bridge.sending import Sender
    from viewer.logs import one_line

    server = Server(found.endpoint, found.key, timeout_s=_TIMEOUT_S)
    sender, started_s = Sender(server), time.monotonic()
    first = _send(sender, count, seed)
    if sender.refused:
        raise ServerError("; ".join(f"{spans:,} spans: {reason}" for reason, spans in sender.refused.items()))
    seconds = round(time.monotonic() - started_s, 1)
    told = [
        {"what": what, "url": one_line(str(page["url"]))}
        for page, what in zip(pages(server, first), _SHOWN, strict=False)
    ]
    return _Filled(count, sender.sent, seconds, told, f"{found.pages}/app/traces")


def _send(sender: Sender, count: int, seed: int) -> list[str]:
    """Send traces, and count those that are on disk there; answers the ids of the first ones. Raises ServerError."""
    from bridge.demo.filling import Filling
    from bridge.sending import MAX_BODY_BYTES, Ahead, Batch

    first, batch = list[str](), Batch()
    under_way = 0
    with bar_a_stage() as watch, Ahead(sender) as ahead:
        for number, told in enumerate(Filling(count, seed, time.time_ns()).traces(), 1):
            if len(first) < len(_SHOWN):
                first.append(str(told.spans[0]["traceId"]))
            for span in told.spans:
                batch.add(told.resource, told.scope, span)
            if batch.size >= MAX_BODY_BYTES:
                ahead.send(batch)  # returns once those before it are there
                if under_way:
                    watch("Sending traces", under_way, count)
                batch, under_way = Batch(), number
        ahead.send(batch)
    return first


def _tell(filled: _Filled, db: str | None) -> None:
    """`db`: the store that was filled, if it is on this machine."""
    remark(f"{filled.traces:,} traces, {filled.spans:,} spans in {filled.seconds:.1f} s", fg="green")
    for page in filled.pages:
        click.echo(f"{page['what']:30}  {linked(page['url'])}")
    remark(f"All of them: {linked(filled.url, err=True)}")
    if db is not None:
        remark(f"To log in there: {command_on(db, 'open', '--app')}")


def _delete(found: Destination, *, as_json: bool) -> None:
    from bridge.demo.removal import delete_all

    count = 0
    with bar_a_stage() as watch:
        for was_there in delete_all(lambda: Server(found.endpoint, found.key, timeout_s=_TIMEOUT_S)):
            count += was_there
            watch("Deleting demo traces", count, 0)
    if as_json:
        click.echo(json.dumps({"deleted": count}))
    remark(f"{count:,} demo {'trace' if count == 1 else 'traces'} deleted", fg="green")
