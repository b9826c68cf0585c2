"""Documentation is tested: what the README does not have, or has wrong, fails the build."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import click
import pytest
from starlette.routing import BaseRoute, Mount, Route

from bridge.cli import tracen as command_line
from bridge.grpc_server import _SERVICE_BY_SIGNAL
from bridge.http_routes import otlp_routes
from bridge.quotas import Quotas
from bridge.receive import Receiver
from tests.reference import README, each_command, with_blocks
from viewer.app import create_app
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.sqlite import SqliteStore

TEXT = README.read_text(encoding="utf-8")


def test_readme_tables_are_those_of_the_code() -> None:
    """Commands and their options, settings, fields, dialects, exporter arguments; `make docs` renews them."""
    assert with_blocks(TEXT) == TEXT


@pytest.mark.parametrize(("path", "command"), list(each_command(command_line, "tracen")))
def test_command_says_what_it_does_with_an_example(path: str, command: click.Command) -> None:
    """A purpose, a line to copy that is of this command, and words for every option."""
    assert command.help
    assert re.search(rf"Example: .*\b{path}\b", command.help), f"{path}: no example"
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert not [option.name for option in options if not option.help]


def test_readme_has_every_environment_variable() -> None:
    """Those that commands and exporter read, wherever they are named in the code."""
    root = README.parent
    sources = [path for name in ("tracen_otel", "viewer", "bridge") for path in (root / name).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"\bTRACEN_[A-Z_]+\b", path.read_text("utf-8"))}
    named |= {f"TRACEN_{setting.name.upper()}" for setting in fields(Settings)}
    assert len(named) > 30
    missing = [name for name in sorted(named) if not re.search(rf"\b{name}\b", TEXT)]
    assert not missing, f"README.md: {missing}"


def test_readme_has_every_route(tmp_path: Path) -> None:
    """Pages, API and OTLP."""
    store = SqliteStore(tmp_path / "t.db")
    keys = Authenticator(store, lambda: 0.0)
    requests = Requests(Metrics(), lambda: 0)
    otlp = otlp_routes(Receiver(store, keys, Quotas(store, 0, 0, lambda: 0.0), "", lambda: 0), requests, 1)
    routes: list[BaseRoute] = create_app(store, Settings(), keys, requests, more_routes=otlp).routes
    store._opened.close()
    paths = [route.path for route in routes if isinstance(route, Route | Mount)]
    paths = [path for path in paths if path != path[: len(path) // 2] * 2]  # a slip that is understood
    assert len(paths) > 8
    missing = [path for path in paths if not re.search(rf"[ `]{re.escape(path)}[`?]", TEXT)]
    assert not missing, f"README.md: routes {missing}"
    assert _SERVICE_BY_SIGNAL.keys() == {
        path.removeprefix("/v1/") for path in paths if path.startswith("/v1/")
    }


def test_readme_first_screen_has_the_two_commands() -> None:
    """A newcomer's next step is on the first screen, and is a target of the Makefile."""
    makefile = README.with_name("Makefile").read_text(encoding="utf-8")
    for target in ("run", "test"):
        assert f"\nmake {target} " in TEXT[:800]
        assert f"\n{target}:" in makefile


def test_changelog_has_the_version() -> None:
    """What is released, or about to be, has an entry."""
    project = tomllib.loads(README.with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = README.with_name("CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{project['version']}]" in changelog


def test_rationale_has_a_line_for_every_dependency() -> None:
    """Each dependency says what we would write without it."""
    root = README.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["server"]]
    names = {re.split(r"[<>=\[; ]", requirement)[0] for requirement in declared} - {"tracen-otel"}
    told = "".join(path.read_text(encoding="utf-8") for path in root.glob("*/RATIONALE.md"))
    missing = [name for name in sorted(names) if f"`{name}`" not in told]
    assert not missing, f"RATIONALE.md: {missing}"


def test_help_tells_every_setting_with_variable_and_default() -> None:
    """`tracen serve --help` is the reference at hand."""
    command = command_line.commands["serve"]
    whole = click.Context(command_line, **command_line.context_settings)
    context = click.Context(command, parent=whole, info_name="tracen serve", terminal_width=200)
    text = " ".join(command.get_help(context).split())
    for option in command.params:
        assert isinstance(option, click.Option)
        assert option.opts[0] in text
        if option.envvar:
            assert f"env var: {option.envvar}" in text
