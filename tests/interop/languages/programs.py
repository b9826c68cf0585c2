"""The examples of all languages, each built once; with what is missing here, a test is skipped, or in CI fails."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.interop.languages.program import EXAMPLES, GRPC, JSON, PROTOBUF, Program
from tests.interop.languages.toolchains import built, require

MAVEN = ("mvn", "--quiet", "--batch-mode", "-Dmaven.repo.local=packages")
"""What is downloaded stays beside the program, so that it is there as long as what was built with it."""
OFFLINE = (*MAVEN, "--offline")
FAILURE = "the model is gone"
RUST_THAT_FAILS = "weather-agent-that-fails"
"""Beside the program: the same with a model that is gone at its second call, as all else is built by then."""
RUST_BUILD = f"""
cargo build --offline
mv target/debug/weather-agent .
cp src/main.rs whole.rs
sed -i '/^        1 => (call, /i 3 => return Err(ModelError("{FAILURE}")),' src/main.rs
cargo build --offline
mv target/debug/weather-agent {RUST_THAT_FAILS}
mv whole.rs src/main.rs
rm -r target
"""
"""The programs alone are kept: what they were made of is a hundred times as large."""


def go() -> Program:
    """Built as `go run .` builds it, with the packages of go.sum and no others."""
    require("go")
    folder = built(
        "go",
        EXAMPLES / "go",
        download="go mod download",
        build="GOPROXY=off go build -o weather-agent .",
    )
    return Program("go", ("./weather-agent",), folder, default_protocol=PROTOBUF)


def java() -> Program:
    """Compiled and started by the goals that the example names."""
    require("java", "javac", "mvn")
    folder = built(
        "java",
        EXAMPLES / "java",
        download=" ".join((*MAVEN, "compile", "exec:java", "-Dmaven.main.skip", "-Dexec.skip")),
        build=" ".join((*OFFLINE, "compile")),
    )
    return Program("java", (*OFFLINE, "exec:java"), folder, default_protocol=GRPC)


def javascript() -> Program:
    """Run as it is, with the packages of package-lock.json."""
    require("node", "npm")
    folder = built("javascript", EXAMPLES / "javascript", download="npm ci --no-audit --no-fund")
    return Program("javascript", ("node", "weather_agent.js"), folder, default_protocol=PROTOBUF)


def python() -> Program:
    """Run where it is, by the Python of the tests."""
    return Program("python", (sys.executable, "weather_agent.py"), EXAMPLES / "python", default_protocol=GRPC)


def rust() -> Program:
    """Built as `cargo run` builds it."""
    require("cargo", "cc")
    folder = built(
        "rust", EXAMPLES / "rust", download="cargo fetch", build=RUST_BUILD, CARGO_TARGET_DIR="target"
    )
    return Program("rust", ("./weather-agent",), folder, default_protocol=JSON)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "go": go,
    "java": java,
    "javascript": javascript,
    "python": python,
    "rust": rust,
}
