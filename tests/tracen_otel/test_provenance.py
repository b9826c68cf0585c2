"""Provenance: where every field of a step was read, what nobody read, which steps a trace was taken from."""

from __future__ import annotations

from dataclasses import replace

from tests.tracen_otel.made_spans import CHILD, ROOT, llm, span
from tracen_otel.assemble import assemble
from tracen_otel.model import Scope, StatusCode


def test_step_tells_where_its_fields_were_read() -> None:
    """Every field that was told names the dialect and the key it was read from."""
    (step,) = assemble([llm(ROOT, usage__input_tokens=3, prompt="why?", request__model="gpt-5")]).steps

    assert {name: (source.dialect, source.key) for name, source in step.sources.items()} == {
        "kind": ("OpenTelemetry GenAI", "gen_ai.operation.name"),
        "model": ("OpenTelemetry GenAI", "gen_ai.request.model"),
        "input": ("OpenTelemetry GenAI", "gen_ai.prompt"),
        "input_tokens": ("OpenTelemetry GenAI", "gen_ai.usage.input_tokens"),
    }


def test_step_names_the_keys_that_nobody_read() -> None:
    """Unread are the keys that no table names, in the span's order; flattened and beaten keys are read."""
    attributes = {
        "zebra": 1,
        "gen_ai.operation.name": "chat",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "why?",
        "gen_ai.prompt.version": "3",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2026",
        "gen_ai.request.temperature": 0.2,
        "exception.message": "an attribute, where tables look at events",
        "apple": 2,
    }

    (step,) = assemble([span(ROOT, attributes=attributes)]).steps

    assert step.unread == (
        "zebra",
        "gen_ai.prompt.version",
        "gen_ai.request.temperature",
        "exception.message",
        "apple",
    )


def test_keys_of_a_dialect_that_does_not_apply_are_unread() -> None:
    """`user_prompt` is Claude Code's word only on spans of Claude Code."""
    own = span(ROOT, attributes={"user_prompt": "why?"}, scope=Scope("com.anthropic.claude_code.tracing"))

    assert assemble([own]).steps[0].unread == ()
    assert assemble([replace(own, scope=Scope())]).steps[0].unread == ("user_prompt",)


def test_trace_tells_which_steps_it_was_taken_from() -> None:
    """Question and answer are the root's here, all else the model call's."""
    root = span(ROOT, attributes={"input": "why?", "output": "because"})
    call = llm(
        CHILD,
        ROOT,
        request__model="gpt-5",
        system="openai",
        input__messages='[{"role":"system","content":"Brief."}]',
    )

    trace = assemble([root, call])

    assert trace.sources == {
        "prompt": ROOT,
        "response": ROOT,
        "system": CHILD,
        "model": CHILD,
        "provider": CHILD,
    }


def test_error_message_tells_which_step_it_was_taken_from() -> None:
    """The root failed without a word, so the words are those of the step below it."""
    failed = replace(llm(CHILD, ROOT, status=StatusCode.ERROR), status_message="429: quota")

    trace = assemble([span(ROOT, status=StatusCode.ERROR), failed])

    assert (trace.error_message, trace.sources) == ("429: quota", {"error_message": CHILD})


def test_nothing_told_has_no_source() -> None:
    """Where no step says anything there is nothing to point at."""
    assert assemble([span(ROOT)]).sources == {}
