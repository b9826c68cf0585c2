"""How `--help` looks: commands in sections and in their order, whole sentences, examples that can be copied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import click
from click.formatting import HelpFormatter

from bridge.console import may_be_coloured
from bridge.endings import told

EXIT_CODES = "Exit codes: 0 done, 1 it failed, 2 called wrongly, or it can not start."
_EXAMPLE = "Example: "
_WORD = re.compile(r"""(?:--[\w-]+\s(?=[^\s|>&-]))?(?:[^\s"']|"[^"]*"|'[^']*')+""")
"""With what belongs to it, where it is an option; what is quoted stays whole."""
_OTHERS = "Others"
_LEAST_WIDTH = 20


class Formatter(HelpFormatter):
    """Writes examples as lines to copy; what is too long goes on after a backslash."""

    def write_text(self, text: str) -> None:
        paragraphs = text.split("\n\n")
        for number, paragraph in enumerate(paragraphs):
            if number:
                self.write_paragraph()
            if paragraph.startswith(_EXAMPLE):
                self._write_example(paragraph.removeprefix(_EXAMPLE))
            else:
                super().write_text(paragraph)

    def _write_example(self, line: str) -> None:
        self.write(f"{'':{self.current_indent}}{_EXAMPLE.strip()}\n")
        indent = self.current_indent + 2
        for number, part in enumerate(_broken(line, max(self.width - indent - 4, _LEAST_WIDTH))):
            self.write(f"{'':{indent + 2 * bool(number)}}{part}\n")


def _broken(line: str, width: int) -> list[str]:
    """A command line in lines of a width, as a shell puts them together again; what is quoted stays whole."""
    lines = [""]
    for word in _WORD.findall(line):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines[-1] += " \\"
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


class Context(click.Context):
    """Of a command that has such help."""

    formatter_class = Formatter


class Sectioned(click.Command):
    """A command of many options, which are told in sections; those in none come last."""

    context_class = Context
    sections: ClassVar[Mapping[str, Sequence[str]]] = {}

    def format_options(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        titles = {name: title for title, names in self.sections.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in (*self.sections, "Options")}
        for param in self.get_params(ctx):
            if (row := param.get_help_record(ctx)) is not None:
                rows[titles.get(param.name or "", "Options")].append(row)
        for title, told_rows in rows.items():
            if told_rows:
                with formatter.section(title):
                    formatter.write_dl(told_rows)


class Commands(click.Group):
    """Commands in the order in which they were added."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class CommandLine(Commands):
    """All commands, in sections; it tells what was ended from what went wrong."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {
        "Start": ("run", "serve", "stop", "demo", "doctor"),
        "Look": ("open", "tail"),
        "Move traces": ("push", "forward", "convert", "import"),
        "Keep": ("backup", "check"),
        "Accounts": ("accounts", "keys"),
        "Shell": ("completion",),
    }

    def make_context(self, *values: Any, **more: Any) -> click.Context:
        with told():
            return super().make_context(*values, color=None if may_be_coloured() else False, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with told():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        sectioned = {name for names in self.sections.values() for name in names}
        others = [name for name in self.commands if name not in sectioned]
        width = max(map(len, self.commands), default=0)
        for title, names in (*self.sections.items(), (_OTHERS, others)):
            rows = [
                (f"{name:{width}}", summary(self.commands[name])) for name in names if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def summary(command: click.Command) -> str:
    """The first sentence of a command's help."""
    paragraph = " ".join((command.help or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.])\s", paragraph)[0]


def shape(command: click.Command) -> None:
    """Give a command, and those in it, such help."""
    command.context_class = Context
    command.short_help = command.short_help or summary(command)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            shape(inner)
    else:
        command.epilog = command.epilog or EXIT_CODES
