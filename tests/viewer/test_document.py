"""A trace taken apart and put together again."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tests.tracen_otel.captured import CAPTURES, logs_in, spans_in
from tests.viewer.markup import document_of
from tests.viewer.samples import HOSTILE, agent_trace, chain_trace, failed_trace, hostile_trace, step
from tracen_otel.assemble import assemble
from tracen_otel.model import Trace
from viewer.document import FORMAT, PART_BYTES, ROWS_PER_PART, STEPS_PER_PART, Document, PartMissing, encode

SAVED = {4: "ce3978dcb0c10820"}
"""The documents of tests/captures, by the format in which they are saved."""


@pytest.mark.parametrize(
    "trace",
    [agent_trace(), failed_trace(), chain_trace(500), Trace(), hostile_trace(HOSTILE)],
    ids=["agent", "failed", "chain", "empty", "hostile"],
)
def test_trace_comes_back_as_it_was(trace: Trace) -> None:
    """Every field of every step."""
    assert document_of(trace).trace() == trace


def test_what_is_saved_changes_with_its_format() -> None:
    """What an earlier build saved would otherwise be shown as it was: raise FORMAT, and write the new digest."""
    digest = hashlib.sha256()
    for folder in sorted(path for path in CAPTURES.iterdir() if path.is_dir()):
        document = document_of(assemble(spans_in(folder), logs_in(folder)))
        for name in sorted(encode(document.trace())):
            digest.update(name.encode() + document.body(name))
    assert {FORMAT: digest.hexdigest()[:16]} == SAVED


def test_parts_hold_a_bounded_number_of_steps_and_bytes() -> None:
    """So that a page reads little, however large a trace is; a single step may be larger."""
    steps = tuple(step(f"{n}", n, 1, id=f"{n}", input="x" * (n % 7) * 9_000) for n in range(1_000))
    steps = (*steps, step("huge", 2_000, 1, id="h", input="y" * 3_000_000))
    document = document_of(Trace("q", "a", steps=steps))
    for part in range(document.step_parts):
        held = document.steps_in(part)
        assert len(held) <= STEPS_PER_PART
        assert document.size_of(f"steps-{part}") <= PART_BYTES + 1_000 or len(held) == 1
    assert document.step(1_001).name == "huge"
    assert [document.step(n).name for n in (1, 500, 1_000)] == ["0", "499", "999"]
    assert [e.name for e in document.entries(range(ROWS_PER_PART, ROWS_PER_PART + 3))] == [
        "199",
        "200",
        "201",
    ]


def test_part_that_was_not_read_is_missed_loudly() -> None:
    """A page that forgets to ask for a part breaks in its test, and not with an empty row."""
    parts = encode(agent_trace())
    document = Document("edition", {name: body for name, body in parts.items() if name != "rows-0"})
    with pytest.raises(PartMissing, match="rows-0"):
        list(document.entries(range(1, 2)))


def test_key_of_a_row_stays_when_steps_come_in_before_it() -> None:
    """By it an open page finds the row again."""
    trace = agent_trace()
    before = [entry.key for entry in document_of(trace).entries(range(1, 8))]
    more = replace(trace, steps=(step("early", -5, 1, id="early"), *trace.steps))
    keys = [entry.key for entry in document_of(more).entries(range(1, 9))]
    assert keys[1:] == before
    assert len(set(keys)) == 8
