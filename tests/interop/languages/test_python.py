"""The Python example, with OpenTelemetry's own exporters."""

from __future__ import annotations

import importlib.metadata

import pytest

from tests.examples.programs import Instructions
from tests.interop.languages import programs
from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, PROTOBUF, Program
from tests.interop.languages.wire import assert_came_as_asked
from tests.processes import TracenProcess

EXAMPLE = EXAMPLES / "python" / "weather_agent.py"


@pytest.fixture(scope="module")
def program() -> Program:
    return programs.python()


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("protocol", ["", GRPC, PROTOBUF])
def test_page_tells_the_run(program: Program, protocol: str, compression: str, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has, which is the one that is spoken."""
    run = program.run(tracen, protocol, compression)

    assert_page_tells_the_run(run.url, program.language)
    assert_came_as_asked(run, tracen)


def test_a_protocol_that_is_not_spoken_is_refused(program: Program) -> None:
    """OpenTelemetry's own exporters for Python have no JSON, and would send another encoding without a word."""
    ended = program.started(OTEL_EXPORTER_OTLP_PROTOCOL="http/json")

    assert ended.returncode == 1
    assert ended.stderr == "OTEL_EXPORTER_OTLP_PROTOCOL is http/json; known are: grpc, http/protobuf\n"


def test_versions_that_are_asked_for_are_those_that_are_tested() -> None:
    """What the first lines install is what the lock file has."""
    asked = dict(package.split("==") for package in Instructions.of(EXAMPLE).packages if "==" in package)

    assert asked == {name: importlib.metadata.version(name) for name in asked}
    assert len(asked) == 2
