"""The Go example, with OpenTelemetry's own Go SDK."""

from __future__ import annotations

import pytest

from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, PROTOBUF, Program
from tests.interop.languages.toolchains import built, require
from tests.processes import TracenProcess


@pytest.fixture(scope="module")
def program() -> Program:
    """Built as `go run .` builds it, with the packages of go.sum and no others."""
    require("go")
    folder = built(
        "go",
        EXAMPLES / "go",
        download="go mod download",
        build="GOPROXY=off go build -o weather-agent .",
    )
    return Program("go", ("./weather-agent",), folder, default_protocol=PROTOBUF)


@pytest.mark.parametrize(("protocol", "compression"), [("", ""), (PROTOBUF, "gzip"), (GRPC, "gzip")])
def test_page_tells_the_run(program: Program, protocol: str, compression: str, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has."""
    url = program.run(tracen, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    assert_page_tells_the_run(url, program.language)
