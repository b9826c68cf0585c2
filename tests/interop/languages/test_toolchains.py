"""What is built is kept, and what can not be built is told: a skip on somebody's machine, a failure in CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.languages.toolchains import built, require


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CI", "true")
    folder = tmp_path / "sources"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main").write_text("one")
    return folder


def test_what_was_built_is_used_again(sources: Path) -> None:
    """Until a source changes; what a user's own build leaves beside the sources is neither copied nor looked at."""
    first = built("sh", sources, download="cp src/main fetched", build='echo "$WORD" >>made', WORD="built")
    (sources / "target").mkdir()
    (sources / "target" / "main").write_text("a user's")
    again = built("sh", sources, download="cp src/main fetched", build='echo "$WORD" >>made', WORD="built")
    (sources / "src" / "main").write_text("two")
    changed = built("sh", sources, download="cp src/main fetched", build='echo "$WORD" >>made', WORD="built")

    assert again == first != changed
    assert (first / "made").read_text() == (changed / "made").read_text() == "built\n"
    assert ((first / "fetched").read_text(), (changed / "fetched").read_text()) == ("one", "two")
    assert not (changed / "target").exists()


def test_packages_that_can_not_be_downloaded_skip_and_in_ci_fail(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what the package manager said; nothing is kept."""
    download = "echo no network >&2; exit 3"
    with pytest.raises(pytest.fail.Exception, match=r"downloaded: .* ended with 3: no network"):
        built("sh", sources, download=download)
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match=r"downloaded: .* ended with 3: no network"):
        built("sh", sources, download=download)

    kept = (sources.parent / "cache" / "tracen-test").iterdir()
    assert [path.name for path in kept] == [".sh.lock"]


def test_a_program_that_does_not_compile_fails_everywhere(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No skip hides a mistake in an example."""
    monkeypatch.delenv("CI")

    with pytest.raises(AssertionError, match="syntax error"):
        built("sh", sources, download="true", build="echo syntax error; false")


def test_a_toolchain_that_is_not_here_skips_and_in_ci_fails(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names the command."""
    require("sh")
    monkeypatch.setenv("PATH", str(sources))
    with pytest.raises(pytest.fail.Exception, match="needs `sh` on the PATH"):
        require("sh")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="needs `sh` on the PATH"):
        require("sh")
