"""The wire format: what is written can be read again, whatever it is."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tracen_otel import payload
from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS
from tracen_otel.model import Event, Message, Part, Provider, Source, Status, Step, StepKind, Trace, Usage
from tracen_otel.timestamps import format_timestamp, parse_timestamp

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORD = st.text("abc<&\x00é🌦", min_size=1, max_size=8)
COUNT = st.none() | st.integers(0, 2**40)
TIME_NS = st.integers(1, 2**62)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(WORD, VALUE, max_size=3)
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT)
PARTS = st.builds(Part, WORD, TEXT, TEXT, TEXT, st.none() | WORD)
MESSAGES = st.lists(st.builds(Message, WORD, st.lists(PARTS, max_size=2).map(tuple)), max_size=2).map(tuple)
EVENTS = st.lists(st.builds(Event, WORD, TIME_NS, ATTRIBUTES, st.none() | WORD), max_size=2).map(tuple)
OPTIONAL = st.none() | WORD
STEPS = st.builds(
    Step,
    name=TEXT,
    id=TEXT,
    parent_id=OPTIONAL,
    kind=st.sampled_from(StepKind),
    start_ns=TIME_NS,
    latency_ns=COUNT,
    status=st.sampled_from(Status),
    error_message=OPTIONAL,
    input=OPTIONAL,
    output=OPTIONAL,
    input_messages=MESSAGES,
    output_messages=MESSAGES,
    model=OPTIONAL,
    provider=st.none() | st.sampled_from(Provider),
    provider_name=OPTIONAL,
    usage=USAGE,
    attributes=ATTRIBUTES,
    events=EVENTS,
    warnings=st.lists(WORD, max_size=2).map(tuple),
    sources=st.dictionaries(WORD, st.builds(Source, WORD, WORD), max_size=2),
    unread=st.lists(WORD, max_size=2).map(tuple),
    tokens_counted=st.booleans(),
    masked=st.integers(0, 2**40),
)
TRACES = st.builds(
    Trace,
    prompt=TEXT,
    response=TEXT,
    provider=st.sampled_from(Provider),
    model=TEXT,
    status=st.sampled_from(Status),
    steps=st.lists(STEPS, max_size=3).map(tuple),
    title=TEXT,
    system=OPTIONAL,
    provider_name=OPTIONAL,
    error_message=OPTIONAL,
    usage=USAGE,
    started_ns=TIME_NS,
    latency_ns=COUNT,
    service_name=OPTIONAL,
    otel_trace_id=st.none() | st.integers(1, 2**128 - 1).map("{:032x}".format),
    notes=st.lists(WORD, max_size=2).map(tuple),
    sources=st.dictionaries(WORD, WORD, max_size=2),
)


@given(TRACES)
def test_payload_extended_form_holds_all_of_a_trace(trace: Trace) -> None:
    """Encoded, written, parsed, validated and decoded, it is the same trace."""
    body = json.dumps(payload.encode(trace), ensure_ascii=False).encode()
    assert payload.decode(payload.parse(body)) == trace


@given(TRACES)
def test_payload_strict_form_has_the_documented_fields_alone(trace: Trace) -> None:
    """A strict server sees nothing that is not documented, and can read what it sees."""
    value = payload.encode(trace, extended=False)
    assert set(value) == {field.name for field in TRACE_FIELDS if field.documented}
    for step in value["steps"]:
        assert set(step) == {field.name for field in STEP_FIELDS if field.documented}
        assert isinstance(step["latency_ms"], int)
    read = payload.decode(payload.parse(json.dumps(value).encode()))
    assert (read.prompt, read.response, read.status) == (trace.prompt, trace.response, trace.status)


@pytest.mark.parametrize("form", [{}, {"form": "spans", "otel_trace_id": "1" * 32}])
def test_payload_duration_of_centuries_can_be_sent_again(form: dict[str, Any]) -> None:
    """Milliseconds of 64 bits are more nanoseconds than that, of which there are as many as fit."""
    step = {"id": "1", "name": "s", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 2**63 - 1}
    told = {"prompt": "", "response": "", "provider": "custom", "model": "", "status": "success"}
    trace = payload.decode(told | form | {"total_latency_ms": 2**63 - 1, "steps": [step]})
    assert trace.latency_ns == 2**63 - 1
    assert payload.decode(payload.encode(trace)) == trace


@given(st.recursive(VALUE, lambda v: st.dictionaries(st.sampled_from([f.name for f in TRACE_FIELDS]), v)))
def test_payload_decode_refuses_or_reads_any_json(value: Any) -> None:
    """Whatever is sent: a Trace, or InvalidPayload that names fields; never another error."""
    try:
        trace = payload.decode(value)
    except payload.InvalidPayload as error:
        named = len(error.errors)
    else:
        named = 1
        assert isinstance(trace, Trace)
    assert named > 0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (b"\x00\xff", "AP8="),
        ((1, {"a": b""}), [1, {"a": ""}]),
        ({1: True}, {"1": True}),
        (2**70, 2**70),
    ],
)
def test_payload_json_value_writes_what_json_lacks(value: Any, written: Any) -> None:
    """Bytes as base64, what is not finite by its proto3 JSON name."""
    assert payload.json_value(value) == written


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-24T09:30:00.123456Z", 1795512600123456000),
        ("2026-11-24T11:30:00.123456+02:00", 1795512600123456000),
        ("2026-11-24T09:30:00.123456", 1795512600123456000),
        ("1969-12-31T23:59:59Z", 0),
        ("0001-01-01T00:00:00+23:00", 0),
        ("9999-12-31T23:59:59-23:00", 0),
        ("2554-01-01T00:00:00Z", 18429292800000000000),
    ],
)
def test_timestamp_is_read_to_integer_nanoseconds(text: str, time_ns: int) -> None:
    """With an offset, with none (then UTC); what OTLP can not hold is "not told"."""
    assert parse_timestamp(text) == time_ns


@given(st.integers(0, 250_000_000_000_000_000_000 // 30))
def test_timestamp_is_written_in_milliseconds_rounded_down(time_ns: int) -> None:
    """What is written is read back as the same millisecond."""
    assert parse_timestamp(format_timestamp(time_ns)) == time_ns // 1_000_000 * 1_000_000
