"""`tracen stop`: the server of a store, ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import click

from bridge import presence
from bridge.console import db_option, remark
from bridge.running.hold import held_pid
from bridge.running.log import log_of, told_of_death

_TIMEOUT_S = 30.0
_LOOK_EVERY_S = 0.05


@click.command()
@db_option
def stop(db: str) -> None:
    """End the server of a store, also one that `tracen run` has started; what is in flight is finished first.

    Example: tracen stop
    """
    try:
        doors = presence.look(db)
    except presence.Untold as untold:
        raise click.ClickException(f"{untold}; end it as it was started") from None
    if doors is None:
        death = told_of_death(db) or "--db names another store"
        raise click.ClickException(f"no server runs on {db}; {death}")
    if not doors.pid:
        raise click.ClickException(f"the server at {doors.http} does not tell which process it is")
    if not is_open_in(doors.pid, f"{Path(db).expanduser().resolve()}.lock"):
        raise click.ClickException(
            f"a server runs on {db}, but process {doors.pid} here is not it: stop it where it was started, in its "
            "container or on its machine"
        )
    try:
        os.kill(doors.pid, signal.SIGTERM)
    except OSError as error:
        raise click.ClickException(f"process {doors.pid}: {error.strerror}") from None
    end_s = time.monotonic() + _TIMEOUT_S
    while presence.find(db) == doors:
        if time.monotonic() > end_s:
            told = f"; its log is {log_of(db)}" if held_pid(db) == doors.pid else ""
            raise click.ClickException(f"process {doors.pid} has not ended within {_TIMEOUT_S:.0f} s{told}")
        time.sleep(_LOOK_EVERY_S)
    while (
        held_pid(db) == doors.pid and time.monotonic() < end_s
    ):  # it notes as the last thing that it has ended
        time.sleep(_LOOK_EVERY_S)
    remark(f"The server at {doors.http} (process {doors.pid}) has ended.")


def is_open_in(pid: int, path: str, proc: Path = Path("/proc")) -> bool:
    """Whether a process has a file open: a number that was told elsewhere is that of anybody here.

    Where the system does not say (no /proc, or a process of somebody else), it is believed.
    """
    descriptors = proc / str(pid) / "fd"
    if not (proc / "self" / "fd").exists():
        return True
    try:
        lock, names = os.stat(path), os.listdir(descriptors)
    except PermissionError:
        return True
    except OSError:
        return False
    for name in names:
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(descriptors / name), lock):
                return True
    return False
