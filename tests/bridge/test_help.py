"""What `--help` and wrong words are answered with: the same for every command, those that are yet to come included."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner, Result

from bridge.cli import COMMANDS, tracen
from bridge.help import _broken, summary
from tests.processes import TracenProcess
from tests.reference import each_command

EVERY = [pytest.param(path, command, id=path) for path, command in each_command(tracen, "tracen")]
GROUPS = [command for command in COMMANDS if isinstance(command, click.Group)]


def run(*arguments: str, width: int = 80) -> Result:
    return CliRunner().invoke(
        tracen, arguments, prog_name="tracen", terminal_width=width, env={"TRACEN_KEY": ""}
    )


def told_by(path: str, *more: str, width: int = 80) -> str:
    done = run(*path.split()[1:], *more, width=width)
    assert done.exit_code == 0, done.output
    return done.stdout


def example_in(help_text: str) -> str:
    """The command line that stands there, as a shell reads it."""
    found = re.search(r"^  Example:\n((?:    .*\n)+)", help_text, re.MULTILINE)
    assert found, help_text
    return " ".join(found[1].replace("\\\n", "\n").split())


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize(("path", "command"), EVERY)
def test_help_fits_the_terminal(path: str, command: click.Command, width: int) -> None:
    """Nothing is longer than a line but what can not be broken."""
    long = [line for line in told_by(path, "--help", width=width).splitlines() if len(line) > width]
    assert not [line for line in long if len(line.split()) > 1]


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_help_has_an_example_to_copy(path: str, command: click.Command) -> None:
    """However narrow the terminal is, a shell reads the line that the docstring has."""
    written = " ".join((command.help or "").partition("Example: ")[2].split())
    for width in (60, 80):
        assert example_in(told_by(path, "--help", width=width)) == written
    shlex.split(written)
    assert re.search(rf"\b{path}\b", written)


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_help_tells_exit_codes_and_its_first_sentence(path: str, command: click.Command) -> None:
    """A sentence that begins with what the command does, and ends."""
    told = told_by(path, "-h")
    assert "xit code" in told
    assert re.fullmatch(r"[A-Z].*[^.]\.", summary(command))


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_options_are_told_the_same_way(path: str, command: click.Command) -> None:
    """Help is a sentence with a full stop, and what an option takes has a name of its own, no type's."""
    for param in command.params:
        if not isinstance(param, click.Option):
            continue
        assert param.help, param.name
        assert param.help[0].isupper(), f"{path} {param.opts[0]}: {param.help}"
        assert param.help.rstrip().endswith((".", ")", "?")), f"{path} {param.opts[0]}: {param.help}"
        metavar = "" if param.is_flag else param.make_metavar(click.Context(command))
        assert "RANGE" not in metavar, f"{path} {param.opts[0]} {metavar}"


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_every_command_tells_more_if_asked(path: str, command: click.Command) -> None:
    """With --verbose; a server has --log-level."""
    options = {name for param in command.params for name in param.opts}
    assert options & {"--verbose", "--log-level"}


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_unknown_option_is_refused_with_the_way_to_help(path: str, command: click.Command) -> None:
    """Exit code 2, on stderr, without a traceback."""
    done = run(*path.split()[1:], "--no-such-option")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such option '--no-such-option'" in done.stderr
    assert f"'{path} --help'" in done.stderr or f"'{path} -h'" in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tial", "'tail'"),
        ("sevre", "'serve'"),
        ("bakup", "'backup'"),
        ("accounts lnik", "'link'"),
        ("tail --lsat", "'--last'"),
        ("serve --otlp-htp-port", "'--otlp-http-port'"),
    ],
)
def test_mistyped_word_is_answered_with_the_near_one(typed: str, meant: str) -> None:
    """Commands, those in a group, and options."""
    done = run(*typed.split())
    assert done.exit_code == 2
    assert meant in done.stderr.split("Did you mean")[1]


def test_help_fits_any_encoding_of_a_terminal() -> None:
    """What it does not have becomes a question mark, and no traceback; on stderr too."""
    for path, _ in each_command(tracen, "tracen"):
        done = said_in_latin_1(*path.split()[1:], "--help")
        assert done.returncode == 0, (path, done.stderr)
        assert path in done.stdout.decode("latin-1")
    wrong = said_in_latin_1("open", "“x”", "--endpoint", "http://127.0.0.1:9", "--key", "k")
    assert wrong.returncode == 1
    assert b"Traceback" not in wrong.stderr


def said_in_latin_1(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
    )


@pytest.mark.skipif(shutil.which("script") is None, reason="no script command on this machine")
@pytest.mark.parametrize(
    ("variables", "is_coloured", "is_link"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_terminal_gets_no_colour_that_it_does_not_want(
    tracen: TracenProcess, variables: dict[str, str], is_coloured: bool, is_link: bool
) -> None:
    """NO_COLOR, and a terminal that knows none; that one gets no links either."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("TRACEN_", "NO_COLOR"))}
    words = f"{sys.executable} -m bridge"
    at = f"--endpoint {tracen.http}"
    lines = f"{words} doctor --no-post --endpoint nonsense; {words} open --app --no-browser {at}"
    done = subprocess.run(
        ["script", "-qec", lines, "/dev/null"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=kept | variables,
    )
    assert f"{tracen.http}/app/traces" in done.stdout
    assert ("\x1b[" in done.stdout) is is_coloured
    assert ("\x1b]8;;" in done.stdout) is is_link


def test_command_alone_shows_the_help() -> None:
    """As click does: it was called wrongly, and help is what helps."""
    done = run()
    assert done.exit_code == 2
    assert "Start:" in done.output
    assert "Keep:" in done.output


def test_help_lists_each_command_once_and_in_full() -> None:
    """In a section of its own kind, with its first sentence to the end."""
    told = told_by("tracen", "--help")
    sections = re.findall(r"^(\w[\w ]+):$", told, re.MULTILINE)
    assert len(sections) == len(set(sections))
    for command in COMMANDS:
        assert len(re.findall(rf"^  {command.name}\s+[A-Z]", told, re.MULTILINE)) == 1, command.name
    assert "..." not in told.split("Options:")[1]


@pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])
def test_groups_list_their_commands_in_their_order(group: click.Group) -> None:
    """That in which somebody meets them, as the README has it; none is cut off."""
    told = told_by(f"tracen {group.name}", "--help").split("Commands:")[1]
    assert re.findall(r"^  (\w+)\s", told, re.MULTILINE) == list(group.commands)
    assert "..." not in told


def test_settings_of_the_server_are_in_sections() -> None:
    """Each is in one that says what it is about; what is left is what every command has."""
    told = told_by("tracen serve", "--help").split("\nOptions:\n")
    assert "What is kept:" in told[0]
    assert len(re.findall(r"^  --", told[0], re.MULTILINE)) > 30
    assert re.findall(r"--\w+", told[1]) == ["--help"]


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("tracen serve", ["tracen serve"]),
        ("tracen serve --port 8000 --host ::", ["tracen serve \\", "--port 8000 \\", "--host ::"]),
        ("a | b 'c d e f g h'", ["a | b \\", "'c d e f g h'"]),
        ("tracen run -- python a.py", ["tracen run -- \\", "python a.py"]),
    ],
)
def test_example_is_broken_where_a_shell_goes_on(line: str, lines: list[str]) -> None:
    """Never within quotes, nor between an option and its value."""
    assert _broken(line, 14) == lines
