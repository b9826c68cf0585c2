"""The Java example, with OpenTelemetry's own Java SDK."""

from __future__ import annotations

import pytest

from tests.interop.languages.facts import assert_page_tells_the_run
from tests.interop.languages.program import EXAMPLES, GRPC, PROTOBUF, Program
from tests.interop.languages.toolchains import built, require
from tests.processes import TracenProcess

MAVEN = ("mvn", "--quiet", "--batch-mode", "-Dmaven.repo.local=packages")
"""What is downloaded stays beside the program, so that it is there as long as what was built with it."""
OFFLINE = (*MAVEN, "--offline")


@pytest.fixture(scope="module")
def program() -> Program:
    """Compiled and started by the goals that the example names."""
    require("java", "javac", "mvn")
    folder = built(
        "java",
        EXAMPLES / "java",
        download=" ".join((*MAVEN, "compile", "exec:java", "-Dmaven.main.skip", "-Dexec.skip")),
        build=" ".join((*OFFLINE, "compile")),
    )
    return Program("java", (*OFFLINE, "exec:java"), folder, default_protocol=GRPC)


@pytest.mark.parametrize(("protocol", "compression"), [("", ""), (GRPC, "gzip"), (PROTOBUF, "gzip")])
def test_page_tells_the_run(program: Program, protocol: str, compression: str, tracen: TracenProcess) -> None:
    """Over the default protocol, and over each that the SDK has."""
    url = program.run(tracen, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    assert_page_tells_the_run(url, program.language)
