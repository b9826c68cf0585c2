"""Smaller forms of a trace that is too large."""

from __future__ import annotations

import json

from tracen_otel.model import Event, Message, Part, Source, Step, Trace
from tracen_otel.payload import decode, encode
from tracen_otel.shrink import forms


def large_trace(steps: int, chars: int) -> Trace:
    text = "é" * chars
    step = Step(
        "step",
        id="1",
        input=text,
        output=text,
        error_message=text,
        input_messages=(Message("user", (Part("text", text), Part("tool_call", value={"q": [text]}))),),
        attributes={"gen_ai.input.messages": [{"content": text}], "blob": b"x" * chars, "n": 1},
        events=(Event("token", attributes={"text": text}, body=text),),
        sources={"input": Source("OpenTelemetry GenAI", "gen_ai.input.messages")},
    )
    return Trace(prompt=text, response=text, title=text, system=text, steps=(step,) * steps, notes=("odd",))


def size_of(trace: Trace, *, extended: bool = True) -> int:
    return len(json.dumps(encode(trace, extended=extended), ensure_ascii=False).encode())


def test_forms_begin_with_the_trace_itself_and_only_shrink() -> None:
    """A trace that fits is sent untouched, and every further form is smaller than the one before."""
    trace = large_trace(2500, 200)

    first, *others = forms(trace)

    assert first is trace
    sizes = [size_of(form) for form in others]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 500_000


def test_forms_reach_a_small_size_whatever_is_large() -> None:
    """One endless text, or endless steps: the last form fits, extended or not, and is still a payload."""
    for trace in (large_trace(1, 3_000_000), large_trace(5_000, 10)):
        *_, last = forms(trace)

        for extended in (True, False):
            assert size_of(last, extended=extended) < 1_000_000
            decode(encode(last, extended=extended))


def test_forms_give_up_attributes_then_bodies_then_the_middle_of_prompts() -> None:
    """The order is stated, and each form tells what it left out, with the length it had."""
    _, short, without, body, *others = forms(large_trace(201, 150_000))

    assert short.steps[0].attributes["blob"] == "[150,000 bytes left out]"
    assert len(short.steps[0].input or "") == 150_000
    assert (without.steps[0].attributes, without.steps[0].events) == ({}, ())
    assert len(without.steps[0].input or "") == len(without.prompt) == 150_000
    assert "… [50,000 of 150,000 characters left out] …é" in (body.steps[0].input or "")
    assert len(body.prompt) == 150_000
    last = others[-1]
    assert "… [149,000 of 150,000 characters left out] …é" in last.prompt
    assert [form.notes[0] for form in (short, last)] == ["odd", "odd"]
    assert short.notes[1] == (
        "The trace was too large to send: attributes and events were cut at 1,000 characters."
    )
    assert last.notes[-1].endswith("and 1 of 201 steps, in the middle, left out.")


def test_forms_keep_how_a_long_run_began_and_ended() -> None:
    """What failed at the end is worth more than what went well in the middle."""
    trace = Trace(steps=tuple(Step(f"step {n}", id=str(n)) for n in range(5_000)))

    *_, last = forms(trace)

    assert [last.steps[0].name, last.steps[-1].name, len(last.steps)] == ["step 0", "step 4999", 200]
