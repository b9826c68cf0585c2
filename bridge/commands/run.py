"""`tracen run`: a program, and the pages of what it did."""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
import time
from typing import TYPE_CHECKING

import click

from bridge.console import BaseUrl, complain, db_option, remark
from viewer.settings import default_db

if TYPE_CHECKING:
    from bridge.running.local import LocalServer
    from bridge.running.run import Outcome, Ran


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--endpoint",
    type=BaseUrl(),
    envvar="TRACEN_ENDPOINT",
    show_envvar=True,
    help="Where Tracen is; default: the server of --db, which is started if none runs.",
)
@click.option(
    "--key",
    metavar="KEY",
    envvar="TRACEN_KEY",
    show_envvar=True,
    help="The API key; default: one for this run, of the local account.",
)
@db_option
@click.option(
    "--protocol",
    type=click.Choice(("http/protobuf", "grpc")),
    default="http/protobuf",
    show_default=True,
    help="How the program is told to send.",
)
@click.option(
    "--instrument/--no-instrument",
    default=True,
    show_default=True,
    help="Instrument Pythons that have no OpenTelemetry set-up.",
)
@click.option(
    "--stay/--no-stay",
    default=None,
    help="Let a server that was started for this go on for an hour; default: if there is something to look at.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a trace, on stdout, after what the program wrote.",
)
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="The same, into a file.")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND…", type=click.UNPROCESSED)
def run(
    endpoint: str | None,
    key: str | None,
    db: str,
    protocol: str,
    instrument: bool,
    stay: bool | None,
    as_json: bool,
    output: str | None,
    command: tuple[str, ...],
) -> None:
    """Run a program, and print each trace that came of it: status, name, duration, tokens, URL.

    The program has the environment that sends its spans to Tracen, and this stdin, stdout, stderr and terminal; the
    traces are told on stderr. The exit code is the program's (128 + n where signal n killed it); 126: it is not
    executable, 127: there is no such program.

    Example: tracen run -- python agent.py
    """
    from bridge.running.executable import NotStarted
    from bridge.running.place import NoPlace, Wanted
    from bridge.running.run import ran

    db = db if "://" in db else os.path.expanduser(db)
    wanted = Wanted(db, endpoint, key or None, protocol)
    try:
        with ran(command, wanted, instruments=instrument, tells_all=as_json or output is not None) as done:
            ending = done.outcome.ending
            try:
                _tell(done.outcome, as_json, output)
                if done.place.local is not None and done.place.local.is_for_runs:
                    _tell_where(done.place.local, done.outcome, stay, db)
                _tell_left(done)
            except BrokenPipeError:  # whoever read has seen enough, and the exit code is still the program's
                _close_streams()
    except NotStarted as error:
        complain(str(error))
        sys.exit(error.code)
    except NoPlace as error:
        complain(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    ending.repeat()


def _tell(outcome: Outcome, as_json: bool, output: str | None) -> None:
    from bridge.running.report import as_json as json_lines, lines
    from viewer.logs import one_line
    from viewer.wording import plural

    if outcome.error:
        complain(f"what arrived can not be asked for: {outcome.error}")
        return
    if as_json:
        for line in json_lines(outcome.traces):
            click.echo(line)
    if output is not None:
        try:
            with open(output, "w", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in json_lines(outcome.traces))
        except OSError as error:
            complain(f"{output}: {error.strerror or error}")
    if outcome.traces:
        for line in lines(outcome.traces, outcome.total):
            click.echo(line, err=True)
        count = sum(bool(trace.get("lacks_root")) for trace in outcome.traces)
        if count:
            remark(f"  {plural(count, 'trace')} unfinished: the root span has not come.")
    else:
        remark(f"tracen: no trace arrived ({outcome.ending.told()}).")
    for sentence in outcome.remarks:
        remark(f"  {one_line(sentence)}")


def _close_streams() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _tell_where(server: LocalServer, outcome: Outcome, stay: bool | None, db: str) -> None:
    """What becomes of a server that was started for runs, and so of the URLs."""
    from bridge.running.log import told_of_death
    from viewer.wording import plural

    if outcome.error and (death := told_of_death(db)):
        remark(f"  No server runs on {db}; {death}")
        return
    has_more = bool(outcome.traces or outcome.left)
    server.stays = has_more if stay is None else stay
    named = [] if db == default_db() else ["--db", os.path.abspath(db)]
    stop = shlex.join(["tracen", "stop", *named])
    minutes = math.ceil((server.stays_until_s - time.time()) / 60)
    if server.stays:
        remark(f"  Tracen goes on at {server.doors.base_url} for an hour; `{stop}` ends it.")
    elif minutes > 0:
        remark(
            f"  Tracen goes on at {server.doors.base_url} for {plural(minutes, 'minute')}, as an earlier run had it; "
            f"`{stop}` ends it."
        )
    elif outcome.traces:
        remark(f"  The pages are kept; `{shlex.join(['tracen', 'serve', *named])}` shows them again.")


def _tell_left(done: Ran) -> None:
    """Of processes that go on, and what becomes of what they send."""
    left, local = done.outcome.left, done.place.local
    if not left:
        return
    numbers = ", ".join(map(str, left[:5])) + (", …" if len(left) > 5 else "")
    is_there = local is None or not local.is_for_runs or local.stays or local.stays_until_s > time.time()
    if not is_there:
        remark(f"  The program left processes behind (pid {numbers}): what they send from now on is lost.")
        return
    words = "; their key goes on for a day" if done.place.own is not None else ""
    remark(
        f"  The program left processes behind (pid {numbers}): more may come while Tracen is there{words}."
    )
