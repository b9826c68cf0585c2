"""What doctor takes an environment to mean is what OpenTelemetry's own exporter does with it."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from bridge.console import DEFAULT_BASE_URL
from bridge.diagnosis.environment import Environment, Given
from tests.bridge.diagnosis.clinic import GENERAL, HEADERS, OF_TRACES, STRANGE_KEY
from tests.tracen_otel.readable_spans import root_span
from tests.tracen_otel.scripted_server import answer, scripted_server

SETUPS = {
    "all signals": {GENERAL: "HERE"},
    "with a slash": {GENERAL: "HERE/"},
    "with a prefix": {GENERAL: "HERE/otlp"},
    "the path twice": {GENERAL: "HERE/v1/traces"},
    "traces": {OF_TRACES: "HERE/v1/traces", GENERAL: "http://127.0.0.1:9"},
    "traces without a path": {OF_TRACES: "HERE"},
    "traces at a path of their own": {OF_TRACES: "HERE/in/"},
    "an empty one": {OF_TRACES: "", GENERAL: "HERE"},
}
HEADER_TEXTS = {
    "a key": f"x-tracen-key={STRANGE_KEY}",
    "spaces and capitals": f" X-Tracen-Key = {STRANGE_KEY} ,, a=b=c",
    "Bearer": f"authorization=Bearer%20{STRANGE_KEY}",
    "Bearer and a space": f"Authorization=Bearer {STRANGE_KEY}",
    "a name that is encoded": f"x%2Dtracen%2Dkey={STRANGE_KEY}",
    "of traces": f"OF_TRACES:x-tracen-key={STRANGE_KEY}",
}


def variables_of(setup: dict[str, str], text: str, origin: str) -> dict[str, str]:
    name = "OTEL_EXPORTER_OTLP_TRACES_HEADERS" if text.startswith("OF_TRACES:") else HEADERS
    told = {key: value.replace("HERE", origin) for key, value in setup.items()}
    return told | {HEADERS: "x-team=search", name: text.removeprefix("OF_TRACES:")}


@pytest.mark.parametrize(
    ("setup", "text"),
    [
        *((setup, HEADER_TEXTS["a key"]) for setup in SETUPS.values()),
        *((SETUPS["all signals"], text) for text in HEADER_TEXTS.values()),
    ],
    ids=[*SETUPS, *HEADER_TEXTS],
)
def test_exporter_sends_where_doctor_looks(
    monkeypatch: pytest.MonkeyPatch, setup: dict[str, str], text: str
) -> None:
    """The same path, with the same key in the same header."""
    monkeypatch.setenv("NO_PROXY", "*")
    with scripted_server(answer(200, b"", Content_Type="application/x-protobuf")) as server:
        variables = variables_of(setup, text, server.endpoint)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        exporter = OTLPSpanExporter()
        exporter.export([root_span(1)])
        exporter.shutdown()  # type: ignore[no-untyped-call]
    (sent,) = server.requests
    (target,) = Environment(variables, Given(DEFAULT_BASE_URL, ""), Given("", "")).meant().otlp
    assert target.url == server.endpoint + sent.path
    assert target.headers.items() <= sent.headers.items()
    assert target.secret == STRANGE_KEY
