"""`tracen backup`: a copy of the whole store, beside a running server or without one."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.console import bar_a_stage, bytes_told, clear_errors, db_option, remark, sqlite_file
from bridge.endings import tidied

if TYPE_CHECKING:
    from viewer.store.backup import Copy
    from viewer.store.check import Watch


_RESTORED = (
    "Restored as it was then: what was deleted since is there again, revoked keys work again, "
    "and withdrawn links lead to their pages again."
)


@click.command()
@click.argument("file", metavar="FILE")
@db_option
@click.option("--force", is_flag=True, help="Write over what is no backup, or is a broken one.")
@click.option("--keep-damaged", is_flag=True, help="Keep the copy even if the store is damaged.")
def backup(file: str, db: str, force: bool, keep_damaged: bool) -> None:
    """Copy the whole store to FILE, also beside a running server, and print its name.

    The copy is of one moment, and a store itself: `tracen serve --db FILE` opens it. What came over OTLP is beside it,
    in FILE-bodies, and what waits to be delivered in FILE-forward; they belong together. FILE.lock keeps others away,
    is empty, and stays. An older backup at FILE is replaced once the new one is whole and checked; before that, it
    stays as it is, whatever happens.

    To restore one, stop the server and copy it back: tracen backup --db FILE STORE. Then all is as it was: what was
    deleted since is there again, keys that were revoked work again, and links that were withdrawn lead to their pages.

    Example: tracen backup nightly.db
    """
    from viewer.logs import one_line
    from viewer.store.backup import BackupFailed, copied, put_in_place
    from viewer.store.durable import existing

    started_s = time.monotonic()
    if not file.strip():
        raise click.BadParameter("expected the file to copy to, got an empty name", param_hint="FILE")
    target = Path(file).expanduser()
    with clear_errors(), tidied(), bar_a_stage(in_bytes=True) as watch:
        source = existing(sqlite_file(db))
        try:
            with copied(source, target, partial(watch, "copying"), is_forced=force) as copy:
                _check(copy, source, watch, is_kept=keep_damaged)
                put_in_place(copy)
        except BackupFailed as error:
            raise click.ClickException(one_line(str(error))) from None
    click.echo(one_line(file) if sys.stdout.isatty() else file)
    if copy.is_restored:
        remark(_RESTORED, fg="yellow")
    seconds = time.monotonic() - started_s
    remark(f"{bytes_told(copy.size_bytes)} in {len(copy.files)} files, copied and checked in {seconds:.1f} s")


def _check(copy: Copy, source: Path, watch: Watch, *, is_kept: bool) -> None:
    """A copy of what is damaged must not take the place of a whole one."""
    from viewer.logs import one_line
    from viewer.store.check import Depth, check

    def look(stage: str, done: int, total: int) -> None:
        watch(f"checking {stage.replace(copy.main.name, copy.target.name)}", done, total)

    findings = check(copy.main, Depth.STRUCTURE, look).findings
    if not findings:
        return
    lines = [
        one_line(
            f"{finding.file} {finding.what}. Repair: {finding.repair}".replace(str(copy.main), str(source))
        )
        for finding in findings
    ]
    is_unseen = all(finding.is_unseen for finding in findings)
    what = "the copy could not be checked:" if is_unseen else "the store is not as it should be:"
    told = "\n  ".join([what, *lines])
    if not is_kept:
        kept = f"{one_line(str(copy.target))} is as it was; --keep-damaged keeps the copy all the same"
        raise click.ClickException(f"{told}\n{kept}")
    remark(f"{told}\nThe copy is kept all the same.", fg="yellow")
