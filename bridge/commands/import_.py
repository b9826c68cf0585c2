"""`tracen import`: what Phoenix, Langfuse, Jaeger and others exported, as pages."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import click

from bridge.asking import Server
from bridge.console import bar_a_stage, check_files, complain, json_option, linked, remark
from bridge.destination import destination, destination_options

if TYPE_CHECKING:
    from bridge.importing.importer import Import

_SHOWN_PAGES = 5
_SHOWN_COMPLAINTS = 20
_SHOWN_REASONS = 5
_TIMEOUT_S = 120.0


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@destination_options
@click.option("--dry-run", is_flag=True, help="Read everything and send nothing; needs no server.")
@json_option
def import_(
    files: tuple[str, ...], endpoint: str | None, key: str | None, db: str, dry_run: bool, as_json: bool
) -> None:
    """Make pages of what Phoenix, Langfuse or Jaeger exported, of OTLP and of payloads (- is stdin).

    The formats are told apart by themselves. Spans stay spans, with their ids: importing a file again makes nothing
    twice. What can not be read is named with its line, the rest is taken, and the exit code is 1.

    Example: tracen import traces.json spans.jsonl.gz
    """
    from bridge.importing.importer import Import
    from bridge.sending import Sender

    check_files(files)
    try:
        if dry_run:
            run = Import(None)
            _take(run, files)
            _tell(run, "would be imported")
            if as_json:
                for trace_id in run.account.trace_ids:
                    click.echo(json.dumps({"otel_trace_id": trace_id}))
        else:
            with destination(endpoint, key, db, "tracen import") as found:
                server = Server(found.endpoint, found.key, timeout_s=_TIMEOUT_S)
                sender = Sender(server)
                run = Import(sender)
                _take(run, files)
                for reason, count in sender.refused.items():
                    run.account.skip(reason, count)
                _tell(run, "imported")
                _list(server, list(run.account.trace_ids), found.pages, as_json)
    except KeyboardInterrupt:
        remark("Interrupted; import again to have the rest.")
        raise
    if run.account.skipped:
        sys.exit(1)


def _take(run: Import, files: tuple[str, ...]) -> None:
    """Read the files; complaints as they come, the first of each file in full."""
    from bridge.importing.reading import KNOWN, NO_KNOWN_FORMAT
    from viewer.logs import one_line

    with bar_a_stage(in_bytes=True) as watch:
        for file in files:
            count = 0
            for name, complaint in run.read([file], partial(watch, "Importing")):
                count += 1
                if count <= _SHOWN_COMPLAINTS:
                    complain(one_line(f"{name}: {complaint}"))
            if count > _SHOWN_COMPLAINTS:
                complain(one_line(f"{file}: and {count - _SHOWN_COMPLAINTS:,} more"))
    if NO_KNOWN_FORMAT in run.account.skipped:
        remark(f"Known are {KNOWN}")


def _tell(run: Import, done: str) -> None:
    account = run.account
    found = f" ({', '.join(sorted(account.formats))})" if account.formats else ""
    told = f"{_counted(len(account.trace_ids), 'trace')}, {_counted(account.spans, 'span')} {done}{found}"
    remark(told + _skipped(account.skipped), fg="yellow" if account.skipped else "green")


def _skipped(by_reason: Mapping[str, int]) -> str:
    """How much was left out, and for which reasons, the most frequent first."""
    from viewer.logs import one_line

    if not by_reason:
        return ""
    most = sorted(by_reason.items(), key=lambda item: -item[1])
    told = [f"{count:,} × {one_line(reason)}" for reason, count in most[:_SHOWN_REASONS]]
    more = ["…"] if len(most) > _SHOWN_REASONS else []
    return f"; {sum(by_reason.values()):,} skipped: {', '.join(told + more)}"


def _list(server: Server, trace_ids: list[str], start: str, as_json: bool) -> None:
    from bridge.importing.importer import pages
    from viewer.logs import one_line

    shown = trace_ids if as_json else islice(trace_ids, _SHOWN_PAGES)
    for page in pages(server, shown):
        click.echo(json.dumps(page) if as_json else linked(one_line(str(page["url"]))))
    if not as_json and len(trace_ids) > _SHOWN_PAGES:
        remark(f"and {len(trace_ids) - _SHOWN_PAGES:,} more: {start}/app/traces, or --json")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
