"""Captures of each dialect mean what happened. To add a case, add a folder to `tests/captures`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.tracen_otel.captured import CAPTURES, logs_in, spans_in
from tracen_otel.assemble import assemble
from tracen_otel.dialects import DIALECTS
from tracen_otel.dialects.table import fields_of
from tracen_otel.model import Trace

CASES = sorted(folder for folder in CAPTURES.iterdir() if folder.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_capture_means_what_happened(case: Path) -> None:
    """A captured run gives the question, answer, model, tokens, outcome and steps that it truly had."""
    expected = json.loads((case / "expected.json").read_text("utf-8"))

    trace = assemble(spans_in(case), logs_in(case))

    assert _facts(trace) == expected


def _facts(trace: Trace) -> dict[str, object]:
    return {
        "prompt": trace.prompt,
        "response": trace.response,
        "system": trace.system,
        "provider": trace.provider.value,
        "model": trace.model,
        "input_tokens": trace.usage.input_tokens,
        "output_tokens": trace.usage.output_tokens,
        "status": trace.status.value,
        "error_message": trace.error_message,
        "steps": [f"{step.kind.value} {step.name}" for step in trace.steps],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_capture_tells_where_every_field_was_read(case: Path) -> None:
    """The sources of a step name its fields, and keys that its span or events have."""
    for step in assemble(spans_in(case), logs_in(case)).steps:
        told = [
            "(span name)",
            *step.attributes,
            *(name for event in step.events for name in (event.name, *event.attributes)),
        ]
        for field, source in step.sources.items():
            stem = source.key.removesuffix(".N").split("*")[0]
            assert any(name.startswith(stem) for name in told), (step.name, field, source)
        assert (step.output is None and not step.output_messages) or "output" in step.sources


def test_every_key_has_one_meaning_per_field() -> None:
    """No table repeats a reading of another: a second one could never be reached."""
    readings = Counter(
        (field, reading.key, reading.find, reading.read)
        for dialect in DIALECTS
        for field, readings in fields_of(dialect)
        for reading in readings
    )

    assert [reading for reading, count in readings.items() if count > 1] == []


def test_dialects_have_distinct_names() -> None:
    """The documentation lists dialects by name, so names are told and distinct."""
    names = [dialect.name for dialect in DIALECTS]

    assert all(names)
    assert len(set(names)) == len(names)
