"""What every command of `tracen` does the same way: options, runs, progress, words, and errors as messages.

Stdout has what a command was called for; remarks, progress and errors are on stderr. A terminal gets colour.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from bridge.secrecy import has_key, shown, told
from viewer.settings import default_db

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from viewer.store.base import Store

T = TypeVar("T")

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
"""Where a server is that was given no setting."""


KEY_COMMAND = "tracen keys create --account local@tracen"
"""What makes a key, in the default store; in another one --db is needed too."""


class BaseUrl(click.ParamType[str]):
    """The start of an absolute URL; what goes into headers must be ASCII."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if has_key(text):
            self.fail("expected the start of a URL, got a key, which --key and TRACEN_KEY take", param, ctx)
        if "@" in text:
            found = "got one with a user name or password, which takes the place of the key"
            self.fail(f"expected the start of a URL such as https://traces.example, {found}", param, ctx)
        if text and not _is_start_of_url(text):
            found = f"got {shown(text)!r}"
            self.fail(f"expected the start of a URL such as https://traces.example, {found}", param, ctx)
        return text


def _is_start_of_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_place = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an address, or a port that is none
        return False
    is_bare = not parts.query and not parts.fragment
    return is_place and is_bare and text.isascii() and text.isprintable() and " " not in text


# -- options that several commands have ----------------------------------------------------------------


def file_named(text: str, hint: str = "--db") -> Path:
    """The file that is meant, ~ taken as a shell takes it. Raises click.BadParameter for the home of nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = shown(text.partition("/")[0])
        raise click.BadParameter(f"there is no user {user} here", param_hint=hint) from None


def check_files(names: Iterable[str]) -> None:
    """Raise click.UsageError for what is no file, before anything is done with another one; - is stdin."""
    for name in names:
        if name != "-" and os.path.isdir(name):
            raise click.UsageError(f"{shown(name)!r} is a folder; name its files")
        if name != "-" and not os.path.exists(name):
            raise click.UsageError(f"there is no file {shown(name)!r}")


def _known_place(ctx: click.Context, param: click.Parameter, db: str) -> str:
    if "://" not in db:
        file_named(db)
    return db


db_option = click.option(
    "--db",
    metavar="FILE",
    callback=_known_place,
    default=default_db,
    envvar="TRACEN_DB",
    show_envvar=True,
    help="The store's file; default: in the user's data folder.",
)
endpoint_option = click.option(
    "--endpoint",
    type=BaseUrl(),
    envvar="TRACEN_ENDPOINT",
    show_envvar=True,
    help=f"Where Tracen is; default: the server that runs on the store (TRACEN_DB), else {DEFAULT_BASE_URL}.",
)
key_option = click.option("--key", metavar="KEY", envvar="TRACEN_KEY", show_envvar=True, help="The API key.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def known_key(key: str | None) -> str:
    """The key that a command was given. Raises click.UsageError, which says how to have one."""
    if not key:
        raise click.UsageError(
            f"whose traces? Give --key or set TRACEN_KEY; on the server's machine `{KEY_COMMAND}` makes a key"
        )
    return key


def account_named(email: str) -> str:
    """The address of an account that a command is called for. The example's belongs to the server alone."""
    from viewer.accounts.addresses import known_address
    from viewer.front.sample import EMAIL

    address = known_address(email)
    if address == EMAIL:
        raise click.UsageError(f"{EMAIL} is the server's own, for the example on its front page")
    return address


# -- words ---------------------------------------------------------------------------------------------


def may_be_coloured() -> bool:
    """Whether a terminal may get colour: none where NO_COLOR says so (no-color.org), and none for a dumb one."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def complain(message: str) -> None:
    """Say what went wrong, as every command says it: `tracen: …` on stderr, red in a terminal."""
    color = None if may_be_coloured() else False
    click.secho(f"tracen: {told(message)}", fg="red", err=True, color=color)


def remark(text: str, **style: Any) -> None:
    """Say something that is not what the command was called for."""
    click.secho(text, err=True, **style)


def linked(url: str, text: str = "", *, err: bool = False) -> str:
    """A URL as a terminal makes it clickable (OSC 8), plain in a pipe and for a dumb one."""
    stream = sys.stderr if err else sys.stdout
    is_link = stream.isatty() and os.environ.get("TERM") != "dumb"
    return f"\x1b]8;;{url}\x1b\\{text or url}\x1b]8;;\x1b\\" if is_link else text or url


def progress(*, in_bytes: bool = False) -> Progress:
    """A progress bar on stderr, for a `with` block; in a pipe there is none."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn() if in_bytes else MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # else what belongs into a file would be printed on the terminal
    )


@contextlib.contextmanager
def bar_a_stage(*, in_bytes: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Show what is under way: the answer is told the stage, how much of it is done, and how much it is (0: unknown).

    There is no bar before the first stage is begun.
    """
    with contextlib.ExitStack() as ending:
        shown: tuple[Progress, TaskID] | None = None
        shown_stage = ""

        def watch(stage: str, done: int, total: int) -> None:
            nonlocal shown, shown_stage
            if shown is None:
                bar = ending.enter_context(progress(in_bytes=in_bytes))
                shown, shown_stage = (bar, bar.add_task(stage, total=total or None)), stage
            bar, task = shown
            if stage != shown_stage:
                bar.reset(task, total=total or None, description=stage)
                shown_stage = stage
            bar.update(task, completed=done, total=total or None)

        yield watch


def bytes_told(count: int) -> str:
    """A size as people say it: 12.4 MB."""
    from rich.filesize import decimal

    return decimal(count)


# -- runs ----------------------------------------------------------------------------------------------


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it exists (not on Windows)."""
    try:
        from uvloop import new_event_loop
    except ModuleNotFoundError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """What keeps a command from starting is a message and exit code 2, never a traceback."""
    from viewer.store.base import StoreError

    try:
        yield
    except (OSError, StoreError) as error:
        complain(str(error))
        sys.exit(2)


def sqlite_file(db: str) -> Path:
    """The file that --db names, there or not. Raises click.BadParameter for the address of another database."""
    if "://" in db:
        raise click.BadParameter(
            f"expected a SQLite file, got {db.partition('://')[0]}://…", param_hint="--db"
        )
    return file_named(db)


def command_on(db: str, *words: str) -> str:
    """A command of `tracen` on a store, to be copied and run from any folder.

    A URL of a database may hold a password, and stays in TRACEN_DB.
    """
    is_named = db != default_db() and "://" not in db
    return shlex.join(["tracen", *words, *(("--db", os.path.abspath(file_named(db))) if is_named else ())])


class NoStore(click.ClickException):
    """Where the store should be there is none, whether that was said (--db, TRACEN_DB) or is the default."""

    exit_code = 2

    def __init__(self, db: str) -> None:
        super().__init__(f"there is no store {db}; `tracen serve` makes it, --db names another")


def store_path(db: str) -> Path:
    """The same of a store that must be there. Raises click.BadParameter, NoStore."""
    path = sqlite_file(db)
    if not path.exists():
        raise NoStore(db)
    return path


def on_store(db: str, work: Callable[[Store], Awaitable[T]], *, is_made: bool = False) -> T:
    """Do something with the store; the server may have it open too. `is_made`: where there is none, it is made."""
    if not is_made and "://" not in db:
        store_path(db)

    async def with_store() -> T:
        async with _opened(db) as store:
            return await work(store)

    with clear_errors():
        return run(with_store())


@contextlib.asynccontextmanager
async def _opened(db: str) -> AsyncIterator[Store]:
    from viewer.store.engines import open_store

    store = open_store(db, exclusive=False)
    try:
        yield store
    finally:
        await store.close()
