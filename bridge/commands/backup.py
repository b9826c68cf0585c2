"""`tracen backup`: a copy of the whole store, beside a running server or without one."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.console import bar_a_stage, bytes_told, clear_errors, db_option, remark, store_path
from bridge.endings import tidied

if TYPE_CHECKING:
    from viewer.store.backup import Copy
    from viewer.store.check import Watch


@click.command()
@click.argument("file", metavar="FILE")
@db_option
@click.option(
    "--force", is_flag=True, help="Write over what is no backup, or keep the copy of a damaged store."
)
def backup(file: str, db: str, force: bool) -> None:
    """Copy the whole store to FILE, also beside a running server, and print its name.

    The copy is of one moment, and a store itself: `tracen serve --db FILE` opens it. What came over OTLP is beside it,
    in FILE-bodies; both belong together. An older backup at FILE is replaced once the new one is whole and checked;
    before that, it stays as it is, whatever happens.

    To restore one, stop the server and copy it back: tracen backup --db FILE STORE

    Example: tracen backup nightly.db
    """
    from viewer.store.backup import BackupFailed, copied, put_in_place

    started_s = time.monotonic()
    source, target = store_path(db), Path(file).expanduser()
    with clear_errors(), tidied(), bar_a_stage(in_bytes=True) as watch:
        try:
            with copied(source, target, partial(watch, "copying"), is_forced=force) as copy:
                _check(copy, source, watch, is_forced=force)
                put_in_place(copy)
        except BackupFailed as error:
            raise click.ClickException(str(error)) from None
    click.echo(file)
    seconds = time.monotonic() - started_s
    remark(f"{bytes_told(copy.size_bytes)} in {len(copy.files)} files, copied and checked in {seconds:.1f} s")


def _check(copy: Copy, source: Path, watch: Watch, *, is_forced: bool) -> None:
    """A copy of what is damaged must not take the place of a whole one."""
    from viewer.store.check import Depth, check

    def look(stage: str, done: int, total: int) -> None:
        watch(f"checking {stage.replace(copy.main.name, copy.target.name)}", done, total)

    findings = check(copy.main, Depth.STRUCTURE, look).findings
    if not findings:
        return
    lines = [f"  {source}{finding.file.removeprefix(str(copy.main))} {finding.what}" for finding in findings]
    told = "\n".join(["the store is not as it should be:", *lines])
    if not is_forced:
        raise click.ClickException(f"{told}\n{copy.target} is as it was; --force keeps the copy all the same")
    remark(f"{told}\nThe copy is kept all the same.", fg="yellow")
