"""The exporter chosen by environment alone, as `opentelemetry-instrument` does it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import ScriptedServer
from tests.tracen_otel.surroundings.programs import environment_of, python, running

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.distro") is None, reason="opentelemetry-distro is not installed"
)
# The whole of the console script.
INSTRUMENT = python("from opentelemetry.instrumentation.auto_instrumentation import run; run()", "-X", "dev")
PROGRAM = """
from opentelemetry import trace
with trace.get_tracer("test").start_as_current_span("chat", attributes={"openinference.span.kind": "LLM"}):
    print("worked")
"""
NO_OTHERS = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def run_instrumented(folder: Path, environment: dict[str, str]) -> str:
    """Run the program, which must work whatever its tracing does; answers its stderr."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    command = [*INSTRUMENT, sys.executable, str(script)]
    with running(command, folder, NO_OTHERS | environment) as program:
        assert (program.wait(), program.stdout) == (0, "worked\n"), program.stderr
        return program.stderr


@pytest.mark.parametrize("names", ["tracen", "tracen,tracen", " tracen , tracen"])
def test_exporter_named_in_the_environment_publishes(
    names: str, server: ScriptedServer, tmp_path: Path
) -> None:
    """Once, or once too often: all posts are of one trace, which is one page to the server."""
    environment = environment_of(server.endpoint, OTEL_TRACES_EXPORTER=names)
    script_output = tmp_path / "program.stdout"

    if "console" in names:
        with pytest.raises(
            AssertionError, match="worked"
        ):  # the console's spans are beside the program's word
            run_instrumented(tmp_path, environment)
        assert script_output.read_text().startswith("worked\n")
    else:
        assert run_instrumented(tmp_path, environment) == ""

    assert len({post.payload["otel_trace_id"] for post in server.requests}) == 1


def test_disabled_sdk_makes_the_exporter_a_no_op(server: ScriptedServer, tmp_path: Path) -> None:
    """OTEL_SDK_DISABLED=true: nothing is sent, and nothing is said."""
    environment = environment_of(server.endpoint, OTEL_TRACES_EXPORTER="tracen", OTEL_SDK_DISABLED="true")

    assert run_instrumented(tmp_path, environment) == ""
    assert server.connections == 0


def test_missing_key_is_a_warning_and_no_crash(server: ScriptedServer, tmp_path: Path) -> None:
    """A deployment without its secret runs, and says why there are no pages."""
    environment = environment_of(server.endpoint, OTEL_TRACES_EXPORTER="tracen") | {"TRACEN_KEY": " "}

    told = run_instrumented(tmp_path, environment)

    assert told == "no Tracen key (argument key, or TRACEN_KEY): traces are not published\n"
    assert server.connections == 0
