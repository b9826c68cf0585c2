"""Which browser the tests take, and what happens where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import browsers


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any Chromium, outside CI."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browsers, "_MAC_APPS", ())
    monkeypatch.delenv("TRACEN_CHROMIUM", raising=False)
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.usefixtures("bare_machine")
def test_browser_named_in_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has several can say which."""
    monkeypatch.setenv("TRACEN_CHROMIUM", "/opt/chromium")
    assert browsers.require_chromium() == "/opt/chromium"


@pytest.mark.usefixtures("bare_machine")
def test_browser_is_found_on_path(tmp_path: Path) -> None:
    """A Chromium that can be started by name is taken."""
    program = tmp_path / "chromium"
    program.touch(mode=0o755)
    assert browsers.require_chromium() == str(program)


@pytest.mark.usefixtures("bare_machine")
def test_missing_browser_skips_with_the_reason() -> None:
    """On somebody's machine the summary says what is lacking."""
    with pytest.raises(pytest.skip.Exception, match="needs a Chromium"):
        browsers.require_chromium()


@pytest.mark.usefixtures("bare_machine")
def test_missing_browser_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing may be skipped, nothing is."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs a Chromium"):
        browsers.require_chromium()
