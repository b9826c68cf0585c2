"""Spans that mean harm, or are only large: they cost what they weigh, and themselves alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.tracen_otel.made_spans import CHILD, ROOT, TRACE_ID, llm, span
from tests.tracen_otel.measured import calls_in, kept_bytes_of, peak_bytes_of
from tracen_otel.assemble import assemble
from tracen_otel.model import Event, LogRecord, Span, StepKind

# -- what it costs ------------------------------------------------------------------------------------


def _id(number: int) -> str:
    return f"{number + 1:016x}"


def _call(number: int, parent_id: str | None) -> Span:
    told = {"usage__input_tokens": number, "usage__output_tokens": number, "completion": "because"}
    return llm(_id(number), parent_id, number + 1, **told)


def _under_a_chain(length: int) -> list[Span]:
    """The call on top has spoken, the chain below it has not, and at its end hang as many calls."""
    chain = [_call(0, "f" * 15 + "0"), *(llm(_id(i), _id(i - 1), i + 1) for i in range(1, length))]
    return [*chain, *(_call(length + i, _id(length - 1)) for i in range(length))]


SHAPES: dict[str, Callable[[int], Sequence[Span]]] = {
    "a chain of calls": lambda n: [_call(i, _id(i - 1) if i else None) for i in range(n)],
    "a root with many calls": lambda n: [_call(i, _id(0) if i else None) for i in range(n)],
    "calls under a silent chain": lambda n: _under_a_chain(n // 2),
    "orphans alone": lambda n: [_call(i, "f" * 15 + "0") for i in range(n)],
    "one circle": lambda n: [_call(i, _id((i + 1) % n)) for i in range(n)],
    "circles of two": lambda n: [_call(i, _id(i ^ 1)) for i in range(n)],
    "versions of one span": lambda n: [replace(_call(0, None), end_ns=i) for i in range(n)],
    "pending spans": lambda n: [
        replace(_call(i, _id(i + n)), attributes={"logfire.span_type": "pending_span"}) for i in range(n)
    ],
    "keys that no other span has": lambda n: [
        replace(_call(i, None), attributes={f"key.{n}.{i}": 1, "gen_ai.prompt": "why?"}) for i in range(n)
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_assembly_costs_as_much_as_there_are_spans(shape: str) -> None:
    """Twice the spans are twice the calls, whatever tree they make."""
    assemble(SHAPES[shape](2))  # what is remembered of keys is not counted

    few, many = SHAPES[shape](256), SHAPES[shape](512)
    few_calls = calls_in(lambda: assemble(few))

    assert calls_in(lambda: assemble(many)) < 2.3 * few_calls


def test_log_records_cost_as_much_as_there_are() -> None:
    """Twice the log records of one span are twice the calls."""
    logs = [
        LogRecord(TRACE_ID, ROOT, Event("gen_ai.user.message", i, body={"content": f"{i}"}))
        for i in range(512)
    ]

    assemble([llm(ROOT)], logs[:2])  # what is remembered of keys is not counted
    few_calls = calls_in(lambda: assemble([llm(ROOT)], logs[:256]))

    assert calls_in(lambda: assemble([llm(ROOT)], logs)) < 2.3 * few_calls


def test_what_is_remembered_of_keys_is_bounded() -> None:
    """Spans with endless keys, or endlessly many, leave nothing behind that grows with them."""
    long_keys = [span(_id(i), attributes={f"{i}" + "k" * 100_000: 1}) for i in range(50)]

    def many_keys() -> None:
        for first in range(0, 8000, 100):
            assemble(
                [span(_id(i), attributes={f"key.{i}." + "k" * 1000: 1}) for i in range(first, first + 100)]
            )

    assert kept_bytes_of(lambda: assemble(long_keys)) < 1_000_000
    assert kept_bytes_of(many_keys) < 12_000_000


# -- hostile values -----------------------------------------------------------------------------------

NESTED: Any = "why?"
for _ in range(200):
    NESTED = [NESTED]
ENDLESS: Any = "why?"
for _ in range(100_000):
    ENDLESS = [ENDLESS]
HOSTILE: dict[str, Any] = {
    "a list 200 deep": NESTED,
    "a list without end": ENDLESS,
    "an object 200 deep": json.loads('{"content":' * 200 + "1" + "}" * 200),
    "JSON 200 deep": '{"content":' * 200 + "1" + "}" * 200,
    "JSON that opens a million brackets": "[" * 1_000_000,
    "JSON cut after a million brackets": '[{"a":' + "[" * 1_000_000,
    "a prototype": {"__proto__": {"role": "user"}, "constructor": {"prototype": 1}},
    "a number of many digits": "9" * 100_000,
    "a number too large": 10**400,
    "no number": float("nan"),
    "bytes": b"\xff\xfe\x00",
    "NUL and a lone surrogate": "\x00\udfff",
    "a list of everything": [None, True, -1, 0.5, b"\xff", [], {}, "", [[{}]]],
}
READ_KEYS = ("gen_ai.input.messages", "gen_ai.usage.input_tokens", "gen_ai.request.model", "gen_ai.prompt.0")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", READ_KEYS)
def test_hostile_value_costs_itself_alone(key: str, value: str) -> None:
    """Whatever stands in one attribute, the step and its neighbours are told, and nothing raises."""
    bad = span(
        ROOT,
        attributes={"gen_ai.operation.name": "chat", "gen_ai.completion": "because", key: HOSTILE[value]},
    )

    trace = assemble([bad, llm(CHILD, ROOT, 2, request__model="gpt-5")])

    assert [step.kind for step in trace.steps] == [StepKind.LLM, StepKind.LLM]
    assert (trace.response, trace.steps[1].model) == ("because", "gpt-5")
    "".join((trace.prompt, trace.model, *trace.steps[0].warnings)).encode()


@pytest.mark.parametrize(
    ("key", "value", "warning"),
    [
        ("gen_ai.request.model", ["gpt-5"], 'expected text, got ["gpt-5"]'),
        ("gen_ai.request.model", 5, "expected text, got 5"),
        ("gen_ai.provider.name", True, "expected text, got true"),
        ("gen_ai.usage.output_tokens", 10**400, "expected a count of tokens, got 1" + "0" * 38 + "…"),
        ("gen_ai.usage.output_tokens", True, "expected a count of tokens, got true"),
    ],
)
def test_value_of_a_wrong_type_is_a_warning(key: str, value: Any, warning: str) -> None:
    """A value that its reading can not be is left out, and said so at the step, shortened."""
    (step,) = assemble([span(ROOT, attributes={key: value, "gen_ai.completion": "because"})]).steps

    assert step.warnings == (f"{key}: {warning}",)
    assert step.output == "because"


def test_key_of_a_mebibyte_is_a_key_like_any_other() -> None:
    """A key without end is unread, or an item of a list, and never spelled out in a warning."""
    long = "k" * 2**20
    attributes = {long: '{"cut', f"gen_ai.prompt.0.{long}": "x", "gen_ai.prompt.0.content": "why?"}

    (step,) = assemble([span(ROOT, attributes=attributes)]).steps

    assert (step.input, step.unread) == ("why?", (long,))
    assert all(len(warning) < 200 for warning in step.warnings)
    assert len(step.warnings) == 1


def test_copies_that_nest_without_end_are_told_apart_or_not_at_all() -> None:
    """Two versions whose attributes no program can spell are still one step."""
    copies = [span(ROOT, end=end, attributes={"a": ENDLESS}) for end in (8, 9)]

    assert len(assemble(copies).steps) == 1


LONG = "lorem ipsum " * 200_000
LONG_MESSAGES = json.dumps([{"role": "user", "content": LONG}, {"role": "assistant", "content": LONG}])
LONG_VALUES: dict[str, dict[str, Any]] = {
    "messages": {"gen_ai.input.messages": LONG_MESSAGES},
    "messages cut by the SDK": {"gen_ai.input.messages": LONG_MESSAGES[:-8]},
    "messages twice encoded": {"gen_ai.input.messages": json.dumps(LONG_MESSAGES)},
    "text": {"gen_ai.prompt": LONG, "gen_ai.completion": LONG},
    "an unknown envelope": {"input": json.dumps({"tenant": 1, "ask": LONG, "gist": LONG})},
    "where a name is expected": {"gen_ai.request.model": LONG, "gen_ai.provider.name": LONG},
    "where a count is expected": {"gen_ai.usage.input_tokens": LONG},
}


@pytest.mark.parametrize("told", LONG_VALUES)
def test_long_texts_are_copied_a_few_times_at_most(told: str) -> None:
    """A step holds its text, and making it a few copies more, however it was told and whoever repeats it."""
    attributes = {"gen_ai.operation.name": "chat", **LONG_VALUES[told]}
    spans = [span(ROOT, attributes=attributes), llm(CHILD, ROOT, prompt=LONG)]

    assert peak_bytes_of(lambda: assemble(spans)) < 8 * sum(len(str(v)) for v in attributes.values())


def test_long_text_costs_no_more_calls_than_a_short_one() -> None:
    """Text is searched and copied as a whole, never walked."""

    def calls(text: str) -> int:
        messages = json.dumps([{"role": "user", "content": text}])
        return calls_in(lambda: assemble([llm(ROOT, input__messages=messages, completion=text)]))

    calls("")  # what is remembered of keys is not counted

    assert calls(LONG) < 1.05 * calls(LONG[:24])
