"""Documentation is tested: what the README does not have, or has wrong, fails the build."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
from starlette.routing import BaseRoute, Mount, Route

from bridge.cli import tracen as command_line
from bridge.grpc_server import _SERVICE_BY_SIGNAL
from bridge.http_routes import otlp_routes
from bridge.quotas import Quotas
from bridge.receive import Receiver
from tests.reference import README, with_blocks
from viewer.app import create_app
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.sqlite import SqliteStore

TEXT = README.read_text(encoding="utf-8")


def test_readme_tables_are_those_of_the_code() -> None:
    """Settings, payload fields, dialects and exporter arguments; `make docs` renews them."""
    assert with_blocks(TEXT) == TEXT


def commands(group: click.Group, prefix: str) -> list[str]:
    names = []
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        names += commands(command, path) if isinstance(command, click.Group) else [path]
    return names


def test_readme_has_every_command_and_its_options() -> None:
    """Options of `serve` are in its own table."""
    for path in commands(command_line, "tracen"):
        row = next((line for line in TEXT.splitlines() if line.startswith(f"| `{path}")), "")
        assert row, f"README.md: no row for `{path}`"
        command: click.Command = command_line
        for name in path.split()[1:]:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        if path != "tracen serve":  # its options are the settings
            options = [
                o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")
            ]
            missing = [option for option in options if option not in TEXT]
            assert not missing, f"README.md: {path} has {missing}"


def test_readme_has_every_route(tmp_path: Path) -> None:
    """Pages, API and OTLP."""
    store = SqliteStore(tmp_path / "t.db")
    keys = Authenticator(store, lambda: 0.0)
    requests = Requests(Metrics(), lambda: 0)
    otlp = otlp_routes(Receiver(store, keys, Quotas(store, 0, 0, lambda: 0.0), "", lambda: 0), requests, 1)
    routes: list[BaseRoute] = create_app(store, Settings(), keys, requests, more_routes=otlp).routes
    store._close()
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
    context = click.Context(command, info_name="tracen serve", terminal_width=200)
    text = " ".join(command.get_help(context).split())
    for option in command.params:
        assert isinstance(option, click.Option)
        assert option.opts[0] in text
        if option.envvar:
            assert f"env var: {option.envvar}" in text
