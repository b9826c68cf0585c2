"""The Java example, with OpenTelemetry's own Java SDK."""

from __future__ import annotations

import pytest

from tests.interop.languages import programs
from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import GRPC, PROTOBUF, Program
from tests.interop.languages.wire import assert_came_as_asked
from tests.processes import TracenProcess


@pytest.fixture(scope="module")
def program() -> Program:
    return programs.java()


@pytest.mark.parametrize(("protocol", "compression"), [("", ""), (GRPC, "gzip"), (PROTOBUF, "gzip")])
def test_page_tells_the_run(program: Program, protocol: str, compression: str, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has, which is the one that is spoken."""
    run = program.run(tracen, protocol, compression)

    assert_page_tells_the_run(run.url, program.language)
    assert_came_as_asked(run, tracen)
