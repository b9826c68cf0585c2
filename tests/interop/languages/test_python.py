"""The Python example, with OpenTelemetry's own exporters."""

from __future__ import annotations

import sys

import pytest

from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, PROTOBUF, Program
from tests.processes import TracenProcess

PROGRAM = Program("python", (sys.executable, "weather_agent.py"), EXAMPLES / "python", default_protocol=GRPC)


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("protocol", ["", GRPC, PROTOBUF])
def test_page_tells_the_run(protocol: str, compression: str, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has."""
    url = PROGRAM.run(tracen, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    assert_page_tells_the_run(url, PROGRAM.language)
