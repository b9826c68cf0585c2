"""Whoever sees a trace without content is told what to set, literally, or there is a reason why not."""

from __future__ import annotations

import re

import pytest

from tests.tracen_otel.captured import spans_in
from tests.tracen_otel.test_dialects import CASES
from tracen_otel.assemble import assemble
from tracen_otel.dialects import DIALECTS, CaptureSwitch, Where, capture_switches

WITHOUT = {
    "Braintrust": "records everything; a masking function alone takes content out (braintrust 0.48)",
    "CrewAI": "its instrumentation tells tasks whatever is set (opentelemetry-instrumentation-crewai 0.62)",
    "Genkit": "its core writes input and output of every action (@genkit-ai/core 1.42)",
    "Generic": "no instrumentation of its own",
    "MLflow": "records inputs and outputs of what it traces (mlflow-tracing 3.17)",
    "Pipecat": "records them whenever tracing is on (pipecat-ai 1.14)",
    "VoltAgent": "no switch found (@voltagent/core 2.10)",
}
SWITCHES = [(dialect.name, switch) for dialect in DIALECTS for switch in dialect.capture]
LITERAL_BY_WHERE = {
    Where.ENVIRONMENT: r"[A-Z][A-Z0-9_]+=[\w.*=]+",
    Where.CONFIGURATION: r"[a-z][a-z.-]+=\w+",
    Where.CODE: r"@?[A-Za-z_.]+( = \w+|: \{.+\}|\(.+\))",
}


def test_every_dialect_has_a_switch_or_a_reason_for_none() -> None:
    """A new dialect is not forgotten, and a reason that no longer holds goes."""
    without = {dialect.name for dialect in DIALECTS if not dialect.capture}

    assert without == WITHOUT.keys()


@pytest.mark.parametrize(("name", "switch"), SWITCHES, ids=lambda value: getattr(value, "setting", value))
def test_switch_is_literal(name: str, switch: CaptureSwitch) -> None:
    """What is shown can be copied: a value is set, and nothing is left to be filled in."""
    assert re.fullmatch(LITERAL_BY_WHERE[switch.where], switch.setting)
    assert not re.search(r"[<>…]|\.\.\.|\bYOUR|\bxxx", switch.setting)
    assert re.search(r"true|false|\b1\b|True|False|span|SPAN|\*$", switch.setting)
    assert switch.note == "" or switch.note.endswith(".")


def test_switches_of_a_dialect_are_distinct() -> None:
    """Nobody is told the same twice."""
    told = [(name, switch.setting) for name, switch in SWITCHES]

    assert len(set(told)) == len(told)


def test_switches_are_found_by_the_labels_of_a_trace() -> None:
    """Each dialect once, a vendor's own before the common ones, whatever the order of the steps."""
    labels = ["OpenTelemetry GenAI", "Generic", "Google ADK", "nobody's", "OpenTelemetry GenAI"]

    found = capture_switches(iter(labels))

    assert [name for name, _ in found] == ["Google ADK", "OpenTelemetry GenAI"]
    assert found[0][1][0].setting == "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true"
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true" in [s.setting for s in found[1][1]]
    assert capture_switches([]) == capture_switches(["Generic", "Pipecat", ""]) == []


def test_labels_are_what_steps_name_as_their_sources() -> None:
    """The captures of all dialects together name dialects that exist."""
    names = {dialect.name for dialect in DIALECTS}
    steps = [step for case in CASES for step in assemble(spans_in(case)).steps]

    labels = {source.dialect for step in steps for source in step.sources.values()}

    assert labels - names <= {""}
    assert {name for name, _ in capture_switches(labels)} == (labels & names) - WITHOUT.keys()


def test_scopes_tell_who_made_a_silent_span() -> None:
    """A vendor whose spans speak the common words alone is still told its own switch."""
    found = capture_switches(["OpenTelemetry GenAI"], ["gcp.vertex.agent", "demo.app"])

    assert [name for name, _ in found] == ["Google ADK"]


def test_scopes_of_nobody_leave_it_to_the_labels() -> None:
    """A program's own spans tell nothing of its instrumentation."""
    found = capture_switches(["OpenInference"], ["my.app"])

    assert [name for name, _ in found] == ["OpenInference"]
