"""`tracen demo`: traces to look at, as programs of many kinds would have sent them."""

from __future__ import annotations

import shlex
import time

import click

from bridge.asking import Server, ServerError
from bridge.console import linked, progress, remark
from bridge.destination import Destination, destination, destination_options
from viewer.settings import default_db

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
@destination_options
def demo(
    count: int, seed: int | None, is_deletion: bool, endpoint: str | None, key: str | None, db: str
) -> None:
    """Fill an instance with varied traces of the last days: agents, tools, failures, many languages and dialects.

    Nothing is asked of any model: what they say is made up here. `--delete` takes them away again.

    Example: tracen demo --count 1000
    """
    try:
        with destination(endpoint, key, db, "tracen demo") as found:
            if is_deletion:
                _delete(found)
            else:
                _fill(found, count, time.time_ns() % 1_000_000 if seed is None else seed, db)
    except ServerError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        remark("Interrupted; `tracen demo --delete` takes away what has come.")
        raise


def _fill(found: Destination, count: int, seed: int, db: str) -> None:
    from bridge.demo.filling import Filling
    from bridge.sending import MAX_BODY_BYTES, Ahead, Batch, Sender

    server = Server(found.endpoint, found.key, timeout_s=_TIMEOUT_S)
    sender, batch = Sender(server), Batch()
    started_s, first = time.monotonic(), list[str]()
    with progress() as bar, Ahead(sender) as ahead:
        task = bar.add_task("Sending traces", total=count)
        for told in Filling(count, seed, time.time_ns()).traces():
            if len(first) < len(_SHOWN):
                first.append(str(told.spans[0]["traceId"]))
            for span in told.spans:
                batch.add(told.resource, told.scope, span)
            if batch.size >= MAX_BODY_BYTES:
                ahead.send(batch)
                batch = Batch()
            bar.advance(task)
        ahead.send(batch)
    if sender.refused:
        raise ServerError("; ".join(f"{spans:,} spans: {reason}" for reason, spans in sender.refused.items()))
    took_s = time.monotonic() - started_s
    _tell(server, first, f"{count:,} traces, {sender.sent:,} spans in {took_s:.1f} s", found, db)


def _tell(server: Server, first: list[str], done: str, found: Destination, db: str) -> None:
    from bridge.importing.importer import pages
    from viewer.logs import one_line

    remark(done, fg="green")
    for page, what in zip(pages(server, first), _SHOWN, strict=False):
        click.echo(f"{what:30}  {linked(one_line(str(page['url'])))}")
    remark(f"All of them: {linked(found.pages + '/app/traces', err=True)}")
    if found.is_local:
        remark(f"To log in there: {_login(db)}")


def _login(db: str) -> str:
    """The command that opens the list of the store that was filled."""
    words = ["tracen", "open", "--app", *(() if db == default_db() else ("--db", db))]
    return shlex.join(words)


def _delete(found: Destination) -> None:
    from bridge.demo.removal import delete_all

    count = 0
    with progress() as bar:
        task = bar.add_task("Deleting demo traces", total=None)
        for was_there in delete_all(lambda: Server(found.endpoint, found.key, timeout_s=_TIMEOUT_S)):
            count += was_there
            bar.update(task, completed=count)
    remark(f"{count:,} demo {'trace' if count == 1 else 'traces'} deleted", fg="green")
