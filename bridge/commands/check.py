"""`tracen check`: whether a store is whole, and what puts it right where it is not."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from bridge.console import bar_a_stage, bytes_told, clear_errors, db_option, remark, sqlite_file

if TYPE_CHECKING:
    from viewer.store.check import Finding, Report


_ONE = {"accounts": "account", "pages": "page", "batches": "batch", "posts": "post", "traces": "trace"}


@click.command(
    epilog="Exit codes: 0 whole, 1 something is wrong or could not be looked at, 2 called wrongly (there is no store), "
    "or it can not start."
)
@db_option
@click.option(
    "--quick", is_flag=True, help="The files alone, not what is in them: seconds instead of minutes."
)
@click.option(
    "--repair", is_flag=True, help="Put right what needs no backup; the server must be stopped for that."
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: whether it is whole, and the findings."
)
def check(db: str, quick: bool, repair: bool, as_json: bool) -> None:
    """Look whether a store is whole, also beside a running server; print what is not, and what repairs it.

    Every page of every file, whether the files belong together, what their rows say of each other, and every body,
    payload and document as a page would read it. Nothing is changed without --repair. A backup is checked in the same
    way.

    A line for each thing that is wrong, or that could not be looked at. While the files are read a server can not empty
    its logs: then a deletion takes some seconds more.

    Example: tracen check --db nightly.db && echo whole
    """
    from viewer.store.check import Depth, check as look, repair as put_right
    from viewer.store.durable import existing

    started_s = time.monotonic()
    with clear_errors():
        path = existing(sqlite_file(db))
        with bar_a_stage(in_bytes=True) as watch:
            report = (put_right if repair else look)(path, Depth.QUICK if quick else Depth.ALL, watch)
    if as_json:
        click.echo(json.dumps(_as_object(db, report), ensure_ascii=False))
    _tell(db, report, time.monotonic() - started_s, are_findings_told=as_json)
    if report.findings:
        sys.exit(1)


def _tell(db: str, report: Report, seconds: float, *, are_findings_told: bool) -> None:
    """Findings on stdout, the rest on stderr."""
    from viewer.logs import one_line

    if not report.findings:
        remark(f"{one_line(db)} is whole: {_told(report)}; looked at in {seconds:.1f} s", fg="green")
        if report.unchecked:
            remark(f"Not checked: {'; '.join(report.unchecked)}")
        return
    if not are_findings_told:
        for finding in report.findings:
            click.echo(_line(finding))
    count = len(report.findings)
    remark(f"{count} finding{'s' * (count > 1)} in {seconds:.1f} s", fg="red")


def _as_object(db: str, report: Report) -> dict[str, Any]:
    """A report for programs. A finding that `is_unseen` says that nobody could look, not that something is wrong."""
    return {
        "store": db,
        "is_whole": not report.findings,
        "findings": [
            {
                "file": finding.file,
                "what": finding.what,
                "repair": finding.repair,
                "is_unseen": finding.is_unseen,
            }
            for finding in report.findings
        ],
        "counts": report.counts,
        "size_bytes": report.size_bytes,
        "unchecked": list(report.unchecked),
        "is_older": report.is_older,
    }


def _line(finding: Finding) -> str:
    from viewer.logs import one_line

    file, what, repair = map(one_line, (finding.file, finding.what, finding.repair))
    return f"{click.style(file, bold=True)} {what}. Repair: {repair}"


def _told(report: Report) -> str:
    if report.is_older:
        return (
            f"{bytes_told(report.size_bytes)}, made by an older Tracen; the next `tracen serve` brings it up to date, "
            "before that its rows are not checked"
        )
    counts = [f"{count:,} {_ONE[name] if count == 1 else name}" for name, count in report.counts.items()]
    return ", ".join([bytes_told(report.size_bytes), *counts])
