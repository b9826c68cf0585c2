"""Whether a store's files are whole: read as of one moment, beside a running server too.

A check writes nothing; a repair is called for, and is alone at the store.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from viewer.store.aside import BackupFailed, only_one
from viewer.store.check import bodies, files, rows
from viewer.store.check.files import Release
from viewer.store.check.findings import Depth, Finding, Findings, Mend, Report, Watch
from viewer.store.check.mending import mend
from viewer.store.durable import FORWARD, Unopened, one_moment, open_readonly, present


def check(main: Path, depth: Depth, watch: Watch) -> Report:
    """Look at every file of a store, as far as `depth` says. Raises KeyboardInterrupt, and OSError of the folder."""
    main = main.resolve()
    findings = Findings(main)
    release, counts, unchecked = Release.THIS, dict[str, int](), list[str]()
    if files.are_there(main, findings):
        try:
            with one_moment(main) as moment:
                release = files.check_schemas(moment, main, findings)
                counts = _checked(moment, main, release, depth, findings, watch)
                unchecked = _unchecked(moment, main, depth) if counts else []
            if counts and depth is Depth.ALL:
                with contextlib.closing(open_readonly(main)) as reading:
                    bodies.check_bodies(reading, main, findings, watch)
        except Unopened as unopened:
            findings.failed(unopened.path, unopened.error)
        except (sqlite3.Error, MemoryError) as error:
            findings.failed(main, error)
    files.check_search(main, findings, watch)
    is_older = release is Release.OLDER
    return Report(tuple(findings.all()), counts, files.size_of(main), tuple(unchecked), is_older)


def repair(main: Path, depth: Depth, watch: Watch) -> Report:
    """The same, after what needs no backup was put right.

    Raises BackupRefused, also where a server has the store, and BackupFailed, OSError.
    """
    main = main.resolve()
    with only_one(main):
        mend(main, [Mend.PUT_BACK])
        report = check(main, depth, watch)
        if not (mends := {finding.mend for finding in report.findings if finding.mend}):
            return report
        try:
            mend(main, mends)
        except sqlite3.Error as error:
            raise BackupFailed(f"{main} can not be repaired: {error}") from None
        return check(main, depth, watch)


def _checked(
    moment: sqlite3.Connection, main: Path, release: Release, depth: Depth, findings: Findings, watch: Watch
) -> dict[str, int]:
    """Each step only where the ones before leave something to look at."""
    files.check_integrity(moment, main, findings, watch, quick=depth is Depth.QUICK)
    if release is Release.STRANGE or not files.check_pair(moment, main, findings):
        return {}
    if findings.any() or release is Release.OLDER:
        return {}  # what is told of the rows of a damaged file is as likely wrong as right
    if depth is Depth.QUICK:
        return rows.counts(moment)
    rows.check_rows(moment, main, findings, watch)
    return rows.counts(moment) | {"traces": rows.count_traces(moment)}


def _unchecked(moment: sqlite3.Connection, main: Path, depth: Depth) -> list[str]:
    """What a store that is found whole may still have wrong with it."""
    told = []
    if depth is Depth.QUICK:
        told.append("rows and contents")
    elif depth is Depth.STRUCTURE:
        told.append("contents")
    if depth is not Depth.QUICK and (count := rows.count_unindexed(moment)):
        told.append(f"the index of {count:,} of the batches: each start makes that anew")
    if FORWARD in present(main):
        told.append("the contents of what waits to be delivered")
    return told


__all__ = ["Depth", "Finding", "Mend", "Report", "Watch", "check", "repair"]
