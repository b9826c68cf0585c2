"""Whether a store's files are whole: read as of one moment, beside a running server too, and never written to."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from viewer.store.base import StoreUnusable
from viewer.store.check import bodies, files, rows
from viewer.store.check.files import Release
from viewer.store.check.findings import Depth, Finding, Findings, Report, Watch
from viewer.store.durable import one_moment, open_readonly


def check(main: Path, depth: Depth, watch: Watch) -> Report:
    """Look at every file of a store, as far as `depth` says. Raises KeyboardInterrupt alone."""
    main = main.resolve()
    findings = Findings(main)
    release, counts = Release.THIS, dict[str, int]()
    if files.are_there(main, findings):
        try:
            with one_moment(main) as moment:
                release = files.check_schemas(moment, main, findings)
                counts = _checked(moment, main, release, depth, findings, watch)
            if counts and depth is Depth.ALL:
                with contextlib.closing(open_readonly(main)) as reading:
                    bodies.check_bodies(reading, main, findings, watch)
        except (StoreUnusable, sqlite3.Error) as error:
            findings.damaged(main, f"can not be read: {error}")
    files.check_search(main, findings, watch)
    is_older = release is Release.OLDER
    return Report(tuple(findings.all()), counts, files.size_of(main), is_older)


def _checked(
    moment: sqlite3.Connection, main: Path, release: Release, depth: Depth, findings: Findings, watch: Watch
) -> dict[str, int]:
    """Each step only where the ones before leave something to look at."""
    files.check_integrity(moment, main, findings, watch, quick=depth is Depth.QUICK)
    if release is Release.STRANGE or not files.check_pair(moment, main, findings):
        return {}
    if findings.any() or release is Release.OLDER:
        return {}  # what is told of the rows of a damaged file is as likely wrong as right
    if depth is not Depth.QUICK:
        rows.check_rows(moment, main, findings, watch)
    return rows.counts(moment)


__all__ = ["Depth", "Finding", "Report", "Watch", "check"]
