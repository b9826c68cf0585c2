"""The JavaScript example, with OpenTelemetry's SDK for Node and the exporters that it chooses itself."""

from __future__ import annotations

import pytest

from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, JSON, PROTOBUF, Program
from tests.interop.languages.toolchains import built, require
from tests.processes import TracenProcess

SOURCES = EXAMPLES / "javascript"


@pytest.fixture(scope="module")
def program() -> Program:
    require("node", "npm")
    folder = built("javascript", SOURCES, download="npm ci --no-audit --no-fund")
    return Program("javascript", ("node", "weather_agent.js"), folder, default_protocol=PROTOBUF)


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("protocol", ["", PROTOBUF, JSON, GRPC])
def test_page_tells_the_run(protocol: str, compression: str, program: Program, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has."""
    url = program.run(tracen, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    assert_page_tells_the_run(url, program.language)
