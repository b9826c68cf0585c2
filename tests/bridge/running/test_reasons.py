"""Nothing arrived: what was seen, and the likeliest reason with its repair."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bridge.running.notes import findings
from bridge.running.reasons import missing_packages
from tests.bridge.running.runs import PYTHON, SPAN, Runner

NO_EXPORTER = SPAN.replace("provider.add_span_processor", "print")
ELSEWHERE = SPAN.replace(
    "OTLPSpanExporter()",
    "OTLPSpanExporter(endpoint='http://user:secret@127.0.0.1:9/v1/traces?k=s', timeout=1)",
)
OVER_GRPC = SPAN.replace("proto.http", "proto.grpc").replace(
    "OTLPSpanExporter()", "OTLPSpanExporter(timeout=1)"
)
OWN_KEY = SPAN.replace("OTLPSpanExporter()", "OTLPSpanExporter(headers={'x-tracen-key': 'wrong'})")
KILLED = SPAN.replace("    pass", "    pass\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)")
UNUSED = "import openai"
PLAIN = "import json"
METRICS = """
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
provider.get_meter("m").create_counter("c").add(1)
provider.shutdown()
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (NO_EXPORTER, "TracerProvider of its own (in __main__) without an exporter"),
        (ELSEWHERE, "sends to http://127.0.0.1:9/v1/traces (OTLPSpanExporter): it was left alone"),
        (OVER_GRPC, "run it with --protocol grpc"),
        (OWN_KEY, "1 request came over otlp-http with a key that is nobody's"),
        (KILLED, "killed by SIGKILL, before its exporter had sent anything"),
        (UNUSED, "It was instrumented (openinference.instrumentation.openai"),
        (PLAIN, "imported no library of models or agents"),
        (METRICS, "Only metrics came, and no traces"),
    ],
)
def test_reason_is_told(runner: Runner, program: str, said: str) -> None:
    """The first sentence after the headline is the one to act on; nothing in it is secret."""
    environment = {"OTEL_BSP_SCHEDULE_DELAY": "60000"} if program is KILLED else {}
    done = runner.python(program, environment=environment)
    assert not done.traces
    _, _, ours = done.err.partition("tracen: no trace arrived")
    assert said in ours.splitlines()[1], done.err
    assert "secret" not in ours


def test_what_the_environment_switches_off_is_named(runner: Runner) -> None:
    """Somebody has set it, and has forgotten."""
    for name, value in (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_SAMPLER", "always_off")):
        done = runner.python(SPAN, environment={name: value})
        assert f"{name}={value}" in done.err.splitlines()[1]


def test_python_that_takes_no_path_is_told_of(runner: Runner) -> None:
    """What keeps it from being instrumented stands on its command line."""
    done = runner.run(PYTHON, "-I", "-c", "pass")
    assert "-I, -E or -S" in done.err


def test_program_of_another_language_is_told_what_it_takes(runner: Runner) -> None:
    """There is nothing that could be instrumented for it."""
    done = runner.run("true")
    assert "Nothing connected to http://" in done.err
    assert "Has true an OpenTelemetry SDK" in done.err


def test_what_is_not_installed_is_named_for_the_python_that_lacks_it(runner: Runner) -> None:
    """Another Python than ours, as in most projects: its packages are its own."""
    (runner.folder / "anthropic.py").write_text("")
    done = runner.run(
        PYTHON,
        "-c",
        "import anthropic",
        environment={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "anthropic"},
    )
    assert f"{sys.executable} -m pip install openinference-instrumentation-anthropic" in done.err


def test_of_several_pythons_the_one_that_lacks_something_is_named(tmp_path: Path) -> None:
    """The one that it starts, or was started by, is not the one to install it in."""
    (tmp_path / "1.notes").write_text("python\t/a/python\nmissing\tp\n")
    (tmp_path / "2.notes").write_text("python\t/b/python\nlibraries\thttpx\n")
    (told,) = missing_packages(findings(tmp_path))
    assert "/a/python -m pip install" in told
