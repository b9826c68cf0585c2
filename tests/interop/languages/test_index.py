"""Readers find every language's example in the index, and run it with three lines."""

from __future__ import annotations

import re

from tests.interop.languages.program import EXAMPLES

OTHERS = {"model_server", "__pycache__"}
LINK = re.compile(r"\]\(((\w+)/[^)]+)\)")


def test_every_folder_is_in_the_index() -> None:
    """A folder has a row, and the file that the row names is there."""
    links = LINK.findall((EXAMPLES / "README.md").read_text(encoding="utf-8"))

    assert {folder for _, folder in links} == {
        path.name for path in EXAMPLES.iterdir() if path.is_dir()
    } - OTHERS
    assert not [file for file, _ in links if not (EXAMPLES / file).is_file()]
