"""The payload form `spans`: what is read from it is what the spans mean, whoever reads them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.tracen_otel.captured import CAPTURES, CORPUS, spans_in
from tests.tracen_otel.made_spans import llm, span
from tracen_otel.assemble import assemble, outline
from tracen_otel.model import Event, Scope, Span, SpanKind, StatusCode
from tracen_otel.payload import InvalidPayload, decode, dumps, encode, parse
from tracen_otel.spans_form import encode_spans

CASES = sorted(CAPTURES.iterdir())


def sent(spans: list[Span]) -> dict[str, Any]:
    """The payload as it arrives."""
    value: dict[str, Any] = parse(dumps(encode_spans(outline(spans))))
    return value


def traces_in(folder: Path) -> list[list[Span]]:
    by_trace: defaultdict[str, list[Span]] = defaultdict(list)
    for told in spans_in(folder):
        by_trace[told.trace_id].append(told)
    return list(by_trace.values())


def assert_same(spans: list[Span]) -> None:
    """Through the form, and without it: the same trace, and documented fields that tell the same."""
    meant = parse(dumps(encode(assemble(spans))))
    told = sent(spans)

    assert parse(dumps(encode(decode(told)))) == meant
    documented = set(encode(assemble(spans), extended=False)) - {"steps"}
    assert {name: told[name] for name in documented} == {name: meant[name] for name in documented}
    documented = {"name", "timestamp", "latency_ms"}
    for step, whole in zip(told["steps"], meant["steps"], strict=True):
        assert {name: step[name] for name in documented} == {name: whole[name] for name in documented}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_capture_means_the_same_through_the_form(case: Path) -> None:
    """Every dialect's spans are read alike at the sender and at the receiver."""
    for spans in traces_in(case):
        assert_same(spans)


def test_corpus_means_the_same_through_the_form() -> None:
    """And so are the spans of several hundred real programs."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    traces = [spans for case in sorted(CORPUS.glob("*/*/expect.json")) for spans in traces_in(case.parent)]

    assert len(traces) > 300
    for spans in traces:
        assert_same(spans)


def test_form_keeps_everything_a_span_tells() -> None:
    """Whatever the field: kind, status, events, scope, resource, what was dropped and masked, odd values."""
    root = span(
        "a",
        kind=SpanKind.CLIENT,
        status=StatusCode.ERROR,
        status_message="no",
        attributes={"a": [1, None, {"b": True}], "bytes": b"\0\xff", "nan": float("nan"), "x": 2**62},
        events=(Event("exception", 5, {"exception.type": "E"}), Event("log", 6, {}, {"said": "hi"})),
        scope=Scope("lib", "1.2"),
        resource={"service.name": "shop"},
        dropped_attributes=3,
        dropped_events=2,
        masked=1,
    )
    other = span("b", parent_id="a", resource={"service.name": "other"})
    orphan = llm("c", parent_id="f" * 16)

    assert_same([root, other, orphan])


def test_form_is_half_of_what_is_made_of_the_spans() -> None:
    """A text is told once: not as attribute, as input and as message."""
    said = '[{"role": "user", "parts": [{"type": "text", "content": "' + "word " * 500 + '"}]}]'
    calls = [
        llm(str(n) * 16, parent_id="1" * 16 if n > 1 else None, input__messages=said) for n in range(1, 9)
    ]

    assert len(dumps(encode_spans(outline(calls)))) * 2 < len(dumps(encode(assemble(calls))))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("span_kind", "sideways"),
        ("status_code", 2),
        ("end_time_unix_nano", 5),
        ("resource", []),
        ("dropped_events", "3"),
        ("form", "other"),
    ],
)
def test_wrong_field_of_the_form_is_named(field: str, value: Any) -> None:
    """A stranger's mistake is told apart like any other."""
    told = sent([llm("a")])
    (told if field == "form" else told["steps"][0])[field] = value

    with pytest.raises(InvalidPayload, match=field):
        decode(told)


def test_form_without_ids_is_an_ordinary_payload() -> None:
    """Steps that nobody can tell apart are no spans."""
    told = sent([llm("a")])
    del told["steps"][0]["id"]

    assert decode(told).steps[0].name == told["steps"][0]["name"]


def test_form_keeps_what_its_sender_said_and_spans_do_not() -> None:
    """The documented fields count in this form too, where the spans say nothing else."""
    said = {
        "prompt": "why?",
        "response": "because",
        "provider": "anthropic",
        "model": "claude",
        "title": "my run",
        "status": "error",
        "error_message": "boom",
        "input_tokens": 5,
        "output_tokens": 6,
        "masked": 3,
        "notes": ["odd"],
    }
    trace = decode(sent([span("a", masked=1)]) | said)

    kept = encode(trace)
    assert {name: kept[name] for name in said} == said
    assert len(trace.steps) == 1


def test_form_lets_spans_speak_for_themselves() -> None:
    """What spans say is read from them: a better reading replaces that of the sender."""
    told = sent([llm("a", prompt="why?", completion="because", request__model="m", usage__input_tokens=1)])
    stale = told | {"prompt": "x", "response": "x", "model": "x", "input_tokens": 9, "masked": 0}

    assert decode(stale) == decode(told)
