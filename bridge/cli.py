"""The command line `tracen`: its commands, put together.

Exit codes: 0 done, 1 it failed, 2 it was called wrongly or can not start (a port or the file is taken).
Heavy imports wait until a command needs them, so that --help and errors are quick.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import click

from bridge.commands.accounts import accounts
from bridge.commands.convert import convert
from bridge.commands.forward import forward
from bridge.commands.keys import keys
from bridge.commands.push import push
from bridge.commands.serve import serve
from bridge.commands.tail import tail

COMMANDS: tuple[click.Command, ...] = (
    serve,
    tail,
    forward,
    accounts,
    keys,
    convert,
    push,
)
"""In the order in which somebody meets them: --help and the README list them so."""


class _InOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tracen-otel", prog_name="tracen")
def tracen() -> None:
    """Share what an LLM agent did: OpenTelemetry spans in, a permanent, readable page out.

    Exit codes: 0 done, 1 it failed, 2 called wrongly, or it can not start.
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
    for _leaf in _leaves(_command):
        if _leaf not in (serve, forward):  # which have --log-level
            _leaf.params.append(
                click.Option(
                    ["--verbose", "-v"],
                    is_flag=True,
                    expose_value=False,
                    callback=_tell_more,
                    help="Say on stderr what is done.",
                )
            )
