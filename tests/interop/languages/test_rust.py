"""The Rust example, with OpenTelemetry's SDK and the exporter that it builds from the environment."""

from __future__ import annotations

import pytest

from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, JSON, PROTOBUF, Program
from tests.interop.languages.toolchains import built, require
from tests.processes import TracenProcess

SOURCES = EXAMPLES / "rust"
BUILD = "cargo build --offline && mv target/debug/weather-agent . && rm -r target"
"""The program alone is kept: what it was made of is a hundred times as large."""


@pytest.fixture(scope="module")
def program() -> Program:
    require("cargo", "cc")
    folder = built("rust", SOURCES, download="cargo fetch", build=BUILD, CARGO_TARGET_DIR="target")
    return Program("rust", ("./weather-agent",), folder, default_protocol=JSON)


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("protocol", ["", PROTOBUF, JSON, GRPC])
def test_page_tells_the_run(protocol: str, compression: str, program: Program, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has."""
    url = program.run(tracen, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    assert_page_tells_the_run(url, program.language)
