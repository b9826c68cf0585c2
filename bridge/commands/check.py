"""`tracen check`: whether a store is whole, and what puts it right where it is not."""

from __future__ import annotations

import glob
import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bridge.console import bar_a_stage, bytes_told, clear_errors, db_option, json_option, remark, sqlite_file

if TYPE_CHECKING:
    from viewer.store.check import Finding, Report


_ONE = {"accounts": "account", "pages": "page", "batches": "batch", "posts": "post"}


@click.command()
@db_option
@click.option(
    "--quick", is_flag=True, help="The files alone, not what is in them: seconds instead of minutes."
)
@json_option
def check(db: str, quick: bool, as_json: bool) -> None:
    """Look whether a store is whole, also beside a running server; print what is not, and what repairs it.

    Every page of every file, whether the files belong together, what their rows say of each other, and every body,
    payload and document as a page would read it. Nothing is changed. A backup is checked in the same way.

    A line for each thing that is wrong, and exit code 1. While the files are read a server can not empty its logs: then
    a deletion takes some seconds more.

    Example: tracen check --db nightly.db && echo whole
    """
    from viewer.store.check import Depth
    from viewer.store.check import check as check_store

    started_s = time.monotonic()
    path = sqlite_file(db)
    if not any(path.parent.glob(f"{glob.escape(path.name)}*")):  # a lost file of a store is a finding
        raise click.BadParameter(f"there is no store {db}", param_hint="--db")
    with clear_errors(), bar_a_stage(in_bytes=True) as watch:
        report = check_store(path, Depth.QUICK if quick else Depth.ALL, watch)
    seconds = time.monotonic() - started_s
    for finding in report.findings:
        click.echo(json.dumps(asdict(finding), ensure_ascii=False) if as_json else _line(finding))
    if report.findings:
        count = len(report.findings)
        remark(f"{count} finding{'s' * (count > 1)} in {seconds:.1f} s", fg="red")
        sys.exit(1)
    remark(f"{db} is whole: {_told(report)}; looked at in {seconds:.1f} s", fg="green")


def _line(finding: Finding) -> str:
    from viewer.logs import one_line

    return f"{click.style(finding.file, bold=True)} {one_line(finding.what)}. Repair: {finding.repair}"


def _told(report: Report) -> str:
    if report.is_older:
        return (
            f"{bytes_told(report.size_bytes)}, made by an older Tracen; the next `tracen serve` brings it up to date, "
            "before that its rows are not checked"
        )
    counts = [f"{count:,} {_ONE[name] if count == 1 else name}" for name, count in report.counts.items()]
    return ", ".join([bytes_told(report.size_bytes), *counts])
