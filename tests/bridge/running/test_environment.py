"""What a program finds in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from bridge.running.environment import GRPC, HTTP, INJECTED, NOTES, Destination, Environment, environment_of

HERE = Destination("http://127.0.0.1:8000", "http://127.0.0.1:4318", HTTP, "tracen_sk_x")


def told(own: Mapping[str, str], destination: Destination = HERE, *, instruments: bool = True) -> Environment:
    return environment_of(own, destination, "/notes", instruments=instruments)


def test_spans_go_to_tracen_whoever_sends_them() -> None:
    """OpenTelemetry's variables, our exporter's, and nothing that somebody had not set is called overridden."""
    environment = told({"PATH": "/bin"})
    assert environment.overridden == ()
    expected = {
        "PATH": "/bin",
        "OTEL_EXPORTER_OTLP_ENDPOINT": HERE.otlp,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tracen-key=tracen_sk_x",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "TRACEN_ENDPOINT": HERE.http,
        "TRACEN_KEY": "tracen_sk_x",
        NOTES: "/notes",
    }
    assert expected.items() <= environment.variables.items()
    assert (
        told({}, Destination(HERE.http, "http://h:4317", GRPC, "k")).variables["OTEL_EXPORTER_OTLP_PROTOCOL"]
        == GRPC
    )


def test_what_would_send_spans_elsewhere_is_overridden_and_named() -> None:
    """For one signal or for all; metrics go on to where they went, without our key."""
    own = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://elsewhere.example",
        "OTEL_EXPORTER_OTLP_HEADERS": "theirs=1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://elsewhere.example/t",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "theirs=2",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://metrics.example",
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_BSP_SCHEDULE_DELAY": "7",
        "OTEL_SERVICE_NAME": "mine",
    }
    environment = told(own)
    assert set(own) - set(environment.overridden) == {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "OTEL_METRICS_EXPORTER",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_SERVICE_NAME",
    }
    variables = environment.variables
    assert not [name for name in variables if name.startswith("OTEL_EXPORTER_OTLP_TRACES_")]
    assert variables["OTEL_EXPORTER_OTLP_METRICS_HEADERS"] == "theirs=1"
    assert variables["OTEL_BSP_SCHEDULE_DELAY"] == "7"
    assert own["OTEL_TRACES_EXPORTER"] == "console"
    assert told({"OTEL_TRACES_EXPORTER": "tracen"}).overridden == ()


def test_content_is_switched_on_where_nobody_says_otherwise() -> None:
    """In the words of each instrumentation; what somebody switched off stays off."""
    variables = told({}).variables
    assert variables["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "span_only"
    assert variables["OTEL_SEMCONV_STABILITY_OPT_IN"] == "gen_ai_latest_experimental"
    assert variables["HAYSTACK_CONTENT_TRACING_ENABLED"] == "true"
    assert variables["OTEL_LOG_USER_PROMPTS"] == "1"
    off = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "false", "OTEL_LOG_USER_PROMPTS": "0"}
    assert off.items() <= told(off).variables.items()


@pytest.mark.parametrize(
    ("own", "url", "expected"),
    [
        ({"HTTPS_PROXY": "http://p"}, HERE.otlp, "127.0.0.1,localhost,::1"),
        ({"http_proxy": "http://p", "no_proxy": "a.example"}, HERE.otlp, "a.example,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "a.example"}, HERE.otlp, "a.example"),
        ({"HTTP_PROXY": "http://p"}, "https://far.example", None),
    ],
)
def test_proxies_are_not_asked_for_this_machine(own: dict[str, str], url: str, expected: str | None) -> None:
    """Nor are they told to leave others alone."""
    assert told(own, Destination(url, url, HTTP, "k")).variables.get("NO_PROXY") == expected


def test_pythons_look_at_themselves_if_they_are_to() -> None:
    """Before what is on the path already."""
    assert told({"PYTHONPATH": "a"}).variables["PYTHONPATH"] == os.pathsep.join((str(INJECTED), "a"))
    assert told({}).variables["PYTHONPATH"] == str(INJECTED)
    assert told({"PYTHONPATH": "a"}, instruments=False).variables["PYTHONPATH"] == "a"
    assert (INJECTED / "sitecustomize.py").exists()
