"""The command line `tracen`: its commands, put together.

Exit codes: 0 done, 1 it failed, 2 it was called wrongly or can not start (a port or the file is taken). Who ends it
with Ctrl-C or closes the pipe that it writes to finds the signal, which a shell tells as 130 and 141; what goes on
until Ctrl-C (`serve`, `forward`, `tail`) is done then.
Heavy imports wait until a command needs them, so that --help and errors are quick.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import click

from bridge.commands.accounts import accounts
from bridge.commands.backup import backup
from bridge.commands.check import check
from bridge.commands.completion import completion
from bridge.commands.convert import convert
from bridge.commands.demo import demo
from bridge.commands.doctor import doctor
from bridge.commands.forward import forward
from bridge.commands.import_ import import_
from bridge.commands.keys import keys
from bridge.commands.open import open_
from bridge.commands.push import push
from bridge.commands.run import run
from bridge.commands.serve import serve
from bridge.commands.stop import stop
from bridge.commands.tail import tail
from bridge.completing import complete
from bridge.help import CommandLine, shape

COMMANDS: tuple[click.Command, ...] = (
    run,
    serve,
    stop,
    demo,
    doctor,
    open_,
    tail,
    push,
    forward,
    convert,
    import_,
    backup,
    check,
    accounts,
    keys,
    completion,
)
"""In the order in which somebody meets them: --help and the README list them so."""


@click.group(
    cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="tracen-otel", prog_name="tracen")
def tracen() -> None:
    """Share what an LLM agent did: OpenTelemetry spans in, a permanent, readable page out.

    Each command tells more with --help, and what it does with --verbose.

    Exit codes: 0 done, 1 it failed, 2 called wrongly, or it can not start; 130 and 141 where Ctrl-C or a closed pipe
    ended it before it was done. `serve`, `forward` and `tail` go on until Ctrl-C, and are done then.

    Example: tracen serve
    """


def _tell_more(ctx: click.Context, param: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        logging.basicConfig(format="%(name)s: %(message)s")
        for name in ("tracen", "tracen_otel"):
            logging.getLogger(name).setLevel(logging.DEBUG)


def _leaves(command: click.Command) -> Iterator[click.Command]:
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from _leaves(inner)
    else:
        yield command


for _command in COMMANDS:
    tracen.add_command(_command)
    shape(_command)
    for _leaf in _leaves(_command):
        complete(_leaf)
        if _leaf not in (serve, forward):  # which have one that sets --log-level
            _leaf.params.append(
                click.Option(
                    ["--verbose", "-v"],
                    is_flag=True,
                    expose_value=False,
                    callback=_tell_more,
                    help="Say on stderr what is done.",
                )
            )
