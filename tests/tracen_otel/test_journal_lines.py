"""Span ↔ a journal's line."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given, settings, strategies as st

from tests.tracen_otel.made_spans import TRACE_ID
from tracen_otel.journal_lines import SpanLines
from tracen_otel.model import Event, Scope, Span, SpanKind, StatusCode

texts = st.text(st.characters(), max_size=20)
surrogates = st.text(st.characters(categories=["Cs", "Lu", "Cc"]), max_size=5)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | texts
    | surrogates
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
attributes = st.dictionaries(texts, values, max_size=5)
nanoseconds = st.integers(0, 2**64 - 1)
made_spans = st.builds(
    Span,
    trace_id=st.just(TRACE_ID),
    span_id=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    name=texts,
    parent_id=st.none() | st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    kind=st.sampled_from(SpanKind),
    start_ns=nanoseconds,
    end_ns=nanoseconds,
    status=st.sampled_from(StatusCode),
    status_message=texts,
    attributes=attributes,
    events=st.lists(st.builds(Event, texts, nanoseconds, attributes, values), max_size=3).map(tuple),
    scope=st.builds(Scope, texts, texts),
    resource=attributes,
    dropped_attributes=st.integers(0, 1000),
    dropped_events=st.integers(0, 1000),
    masked=st.integers(0, 1000),
)


@given(made_spans)
@settings(max_examples=200)
def test_span_comes_back_as_it_was(told_span: Span) -> None:
    """Every value an attribute can have survives, bytes and NaN and halves of characters too, on one line."""
    lines = SpanLines("0123456789abcdef")

    line = lines.write(told_span, 1_790_000_000).line
    again = lines.read(line)

    assert line.index(b"\n") == len(line) - 1
    assert repr(again) == repr(told_span)  # NaN equals nothing
    assert again is not None
    assert type(again.kind) is SpanKind
    assert type(again.status) is StatusCode


@given(made_spans, st.data())
@settings(max_examples=100)
def test_line_with_any_byte_changed_is_not_believed(told_span: Span, data: st.DataObject) -> None:
    """A checksum stands before every span."""
    lines = SpanLines("0123456789abcdef")
    line = bytearray(lines.write(told_span, 1).line)
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] ^= data.draw(st.integers(1, 255))

    assert lines.read(bytes(line)) is None


def test_every_field_of_a_span_is_in_its_line() -> None:
    """A field that Span gets one day is spooled as well, or this fails."""
    told_span = Span(
        TRACE_ID,
        "1" * 16,
        "name",
        parent_id="2" * 16,
        kind=SpanKind.CLIENT,
        start_ns=1,
        end_ns=2,
        status=StatusCode.ERROR,
        status_message="message",
        attributes={"a": b"\0"},
        events=(Event("event", 3, {"b": [1.5]}, body={"c": None}),),
        scope=Scope("scope", "1"),
        resource={"d": "e"},
        dropped_attributes=4,
        dropped_events=5,
        masked=6,
    )
    plain = Span(TRACE_ID, "1" * 16, "")
    lines = SpanLines("0123456789abcdef")

    assert all(
        getattr(told_span, f.name) != getattr(plain, f.name) for f in fields(Span) if f.name[-3:] != "_id"
    )
    assert lines.read(lines.write(told_span, 1).line) == told_span
