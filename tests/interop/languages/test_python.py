"""The Python example, with OpenTelemetry's own exporters."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest

from tests.examples.programs import Instructions
from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, PROTOBUF, Program
from tests.processes import TracenProcess

EXAMPLE = EXAMPLES / "python" / "weather_agent.py"
PROGRAM = Program("python", (sys.executable, EXAMPLE.name), EXAMPLE.parent, default_protocol=GRPC)


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("protocol", ["", GRPC, PROTOBUF])
def test_page_tells_the_run(protocol: str, compression: str, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has."""
    url = PROGRAM.run(tracen, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    assert_page_tells_the_run(url, PROGRAM.language)


def test_versions_that_are_asked_for_are_those_that_are_tested() -> None:
    """What the first lines install is what the lock file has."""
    asked = dict(package.split("==") for package in Instructions.of(EXAMPLE).packages if "==" in package)

    assert asked == {name: importlib.metadata.version(name) for name in asked}
    assert len(asked) == 2
