"""How a command ends that somebody else ends: without a word, and so that whoever started it can tell by what.

Ctrl-C, a closed pipe (`| head`) and a signal are no errors: the process dies of them, as shells expect, once what it
had begun is tidied up.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import click

from bridge import secrecy
from bridge.console import complain

_ERROR = re.compile(r"^Error: ", re.MULTILINE)
"""What click puts before a message."""
_SOON_S = 0.05
_PIPE_CLOSED = getattr(signal, "SIGPIPE", signal.SIGTERM)


class Ended(BaseException):
    """The command was ended by a signal, or by what is one in other programs."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell Ctrl-C and a closed pipe apart from what goes wrong. Raises Ended."""
    try:
        yield
    except KeyboardInterrupt:
        raise Ended(signal.SIGINT) from None
    except BrokenPipeError:
        raise Ended(_PIPE_CLOSED) from None


@contextlib.contextmanager
def tidied() -> Iterator[None]:
    """Let the block tidy up where it is ended by SIGTERM or SIGHUP, as by Ctrl-C. Raises Ended."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Have Ctrl-C and other ends wait for the end of a short block: an event loop can lose what is raised in it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def insist(ignored: sys.UnraisableHookArgs) -> None:
    """A `sys.unraisablehook`: an end that is raised amid a callback of the interpreter is dropped there; ask again."""
    end = ignored.exc_value
    if not isinstance(end, Ended | KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    number = end.number if isinstance(end, Ended) else signal.SIGINT
    again = threading.Timer(_SOON_S, os.kill, (os.getpid(), number))  # now it would be dropped once more
    again.daemon = True
    again.start()


def run_to_end(command: click.Command) -> NoReturn:
    """Run the command line, and end the process."""
    sys.unraisablehook = insist
    try:
        with told():
            code = command.main(prog_name="tracen", standalone_mode=False)
            sys.stdout.flush()
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):  # at a prompt
            _die_of(signal.SIGINT)
        click.echo("Nothing was done.", err=True)
        sys.exit(1)
    except Ended as ended:
        _die_of(ended.number)
    sys.exit(code if isinstance(code, int) else 0)


def _show(error: click.ClickException) -> None:
    """On stderr; a command, or click, may repeat what it was given by mistake."""
    words = io.StringIO()
    error.show(words)
    usage, *message = _ERROR.split(words.getvalue(), maxsplit=1)
    click.echo(secrecy.told(usage), err=True, nl=False)
    for text in message:  # none of a command that is called without a word: that shows its help
        complain(text.rstrip())


def _die_of(number: int) -> NoReturn:
    if number == signal.SIGINT and sys.stderr.isatty():
        click.echo(err=True)  # after the ^C
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # where the signal is blocked
