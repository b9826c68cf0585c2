"""The README's tables that repeat the code, rendered from it: `make docs` writes them, a test compares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import click

from bridge.cli import tracen
from tracen_otel import TracenSpanExporter
from tracen_otel.dialects import DIALECTS
from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS, Field
from viewer.settings import Settings, flag_of

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    rows = []
    for setting in fields(Settings):
        default = "in the user's data folder" if setting.default is MISSING else f"`{setting.default}`"
        if isinstance(setting.default, bool):
            default = "on" if setting.default else "off"
        flag = flag_of(setting).replace("/", "`, `")
        variable = f"TRACEN_{setting.name.upper()}"
        rows.append(
            f"| `{flag}`, `{variable}` | {default if default != '``' else ''} | {setting.metadata['help']} |"
        )
    return "\n".join(["| setting of `tracen serve` | default | |", "|---|---|---|", *rows])


def payload_table() -> str:
    documented = [*_rows("", TRACE_FIELDS, documented=True), *_rows("steps[].", STEP_FIELDS, documented=True)]
    extension = [
        f"`{prefix}{field.name}`"
        for prefix, table in (("", TRACE_FIELDS), ("steps[].", STEP_FIELDS))
        for field in table
        if not field.documented
    ]
    table = "\n".join(["| payload field | holds | |", "|---|---|---|", *documented])
    return f"{table}\n\nThe extension, all optional: {', '.join(extension)}. Unknown fields are ignored."


def _rows(prefix: str, table: tuple[Field, ...], *, documented: bool) -> list[str]:
    return [
        f"| `{prefix}{f.name}` | {'' if f.required else 'optional; '}{f.check(object())} | {f.help} |"
        for f in table
        if f.documented is documented
    ]


def dialect_list() -> str:
    return ", ".join(dialect.name for dialect in DIALECTS if dialect.name != "Generic")


def exporter_arguments() -> str:
    """The keyword arguments of the exporter, as its signature has them."""
    return ", ".join(f"`{name}`" for name in inspect.signature(TracenSpanExporter).parameters)


def command_table() -> str:
    rows = [_command_row(command, path) for path, command in each_command(tracen, "tracen")]
    return "\n".join(["| command | does |", "|---|---|", *rows])


def each_command(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with how it is called."""
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        if isinstance(command, click.Group):
            yield from each_command(command, path)
        else:
            yield path, command


def _command_row(command: click.Command, path: str) -> str:
    """How it is called, the first paragraph of its help, the variables that stand in for options."""
    settings = {flag.partition("/")[0] for flag in map(flag_of, fields(Settings))}
    words, variables, has_settings = [path], [], False
    for parameter in command.params:
        if _is_setting(parameter, settings) and len(command.params) > 20:
            has_settings = True
        elif not parameter.expose_value:  # what each has
            continue
        else:
            words.append(_usage(parameter))
            variables += [parameter.envvar] if isinstance(parameter.envvar, str) else []
    told = " ".join((command.help or "").split("\n\n")[0].split())
    if has_settings:
        told += " Its options are the settings below."
    if variables:
        told += f" Environment: {', '.join(f'`{name}`' for name in variables)}."
    return f"| `{' '.join(words)}` | {told} |".replace("\\|", "|")


def _is_setting(parameter: click.Parameter, settings: set[str]) -> bool:
    """One that is called as the setting is, and not shorter."""
    return isinstance(parameter, click.Option) and len(parameter.opts) == 1 and parameter.opts[0] in settings


def _usage(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.Context(click.Command(None)))
    assert isinstance(parameter, click.Option)
    names = "/".join((*parameter.opts[-1:], *parameter.secondary_opts))
    takes = "" if parameter.is_flag else " " + parameter.make_metavar(click.Context(click.Command(None)))
    text = (names + takes).replace("|", "/")
    return text if parameter.required else f"[{text}]"


BLOCKS: dict[str, Callable[[], str]] = {
    "commands": command_table,
    "settings": settings_table,
    "payload": payload_table,
    "dialects": dialect_list,
    "exporter": exporter_arguments,
}


def with_blocks(text: str) -> str:
    """The text with what stands between `<!-- NAME -->` and `<!-- /NAME -->` rendered anew."""
    for name, render in BLOCKS.items():
        before, opened, rest = text.partition(f"<!-- {name} -->\n")
        _, closed, after = rest.partition(f"<!-- /{name} -->")
        if not opened or not closed:
            raise ValueError(f"README.md: no block <!-- {name} --> … <!-- /{name} -->")
        text = f"{before}{opened}{render()}\n{closed}{after}"
    return text


if __name__ == "__main__":
    README.write_text(with_blocks(README.read_text(encoding="utf-8")), encoding="utf-8")
