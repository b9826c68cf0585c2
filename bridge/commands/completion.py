"""`tracen completion`: what makes a shell complete commands, options and some of their values."""

from __future__ import annotations

import click

_INSTALLED_BY = {
    "bash": """echo 'eval "$(tracen completion bash)"' >> ~/.bashrc""",
    "zsh": """echo 'eval "$(tracen completion zsh)"' >> ~/.zshrc  (after compinit)""",
    "fish": "tracen completion fish > ~/.config/fish/completions/tracen.fish",
}


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(list(_INSTALLED_BY)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes a shell (bash, zsh, fish) complete commands, options and some values.

    Its last line says how to install it.

    Example: eval "$(tracen completion bash)"
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - of click's own
    click.echo(complete(ctx.find_root().command, {}, "tracen", "_TRACEN_COMPLETE").source())
    click.echo(f"# To install: {_INSTALLED_BY[shell]}")
