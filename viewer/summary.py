"""The first screen of a trace page: what happened, in facts, and what failed."""

from __future__ import annotations

from collections.abc import Iterable

from tracen_otel.assemble import ROOT_MISSING
from tracen_otel.model import Status, Trace
from tracen_otel.timestamps import format_timestamp
from viewer import pieces, wording
from viewer.contexts import Fact, Failure, StepLink, TokenSum
from viewer.labels import line_of_error, provider_label, token_counts, token_details
from viewer.legible import Draft, clip, joined, one_line
from viewer.pieces import quoted
from viewer.provenance import TokenLine
from viewer.quotes import Quoter
from viewer.timeline.outline import Outline
from viewer.view import View

_HEADING = 100
_DESCRIPTION = 240
_MAX_FAILURES = 5


def heading(trace: Trace) -> str:
    """Name the run: its title, else how its prompt begins. The title is the root's name, if that has come."""
    title, question = clip(trace.title), one_line(trace.prompt.strip().partition("\n")[0], _HEADING)
    names = (question, title) if ROOT_MISSING in trace.notes else (title, question)
    return next(filter(None, (*names, clip(trace.model))), "Untitled trace")


def outcome(trace: Trace, *, is_receiving: bool = False) -> tuple[str, str]:
    """How the run ended, as a state (good, bad, live, open) and in a word."""
    if trace.status is Status.ERROR:
        return "bad", "Failed"
    if is_receiving:
        return "live", "Running"
    return ("open", "Unfinished") if ROOT_MISSING in trace.notes else ("good", "Succeeded")


def description(trace: Trace) -> str:
    """One sentence for link previews."""
    told = [
        outcome(trace)[1],
        f"in {wording.duration(trace.latency_ns)}" if trace.latency_ns is not None else "",
        f"with {trace.model}" if trace.model else "",
    ]
    answer = trace.response or trace.error_message or ""
    return one_line(f"{' '.join(filter(None, told))}. {answer}", _DESCRIPTION)


def facts(trace: Trace, outline: Outline, view: View) -> tuple[Fact, ...]:
    """What a reader wants to know first; what is unknown says so."""
    return tuple(_facts(trace, outline, view))


def _facts(trace: Trace, outline: Outline, view: View) -> Iterable[Fact]:
    yield Fact("Duration", wording.duration(trace.latency_ns), is_told=trace.latency_ns is not None)
    yield Fact(
        "Model",
        clip(trace.model) or wording.UNKNOWN,
        provider_label(trace.provider, trace.provider_name) if trace.model or trace.provider_name else "",
        is_told=bool(trace.model),
    )
    usage = trace.usage
    yield Fact(
        "Tokens",
        token_counts(usage) if usage else wording.UNKNOWN,
        token_details(usage),
        is_told=bool(usage),
        token_sum=_token_sum(trace, outline, view),
    )
    yield Fact("Steps", wording.count(outline.step_count), census(outline))
    if trace.started_ns:
        yield Fact("Started", *_started(trace.started_ns), format_timestamp(trace.started_ns))
    if trace.service_name:
        yield Fact("Service", clip(trace.service_name))


def _started(time_ns: int) -> tuple[str, str]:
    day, clock = wording.moment(time_ns).split(", ")
    return day, clock


def census(outline: Outline) -> str:
    """`3 LLM calls · 2 tool calls`."""
    counted = ((outline.llm_count, "LLM call"), (outline.tool_count, "tool call"))
    return " · ".join(wording.plural(number, noun) for number, noun in counted if number)


def _token_sum(trace: Trace, outline: Outline, view: View) -> TokenSum | None:
    if not outline.counted:
        return None
    return TokenSum(
        counted=_token_lines(outline.counted, view),
        counted_more=_more(outline.counted_count - len(outline.counted)),
        input_tokens=wording.count(trace.usage.input_tokens),
        output_tokens=wording.count(trace.usage.output_tokens),
        is_sum=outline.is_sum,
        left_out=_token_lines(outline.left_out, view),
        left_out_more=_more(outline.left_out_count - len(outline.left_out)),
    )


def _token_lines(lines: Iterable[TokenLine], view: View) -> Draft:
    return joined(
        pieces.TOKEN_LINE(view.href(number), number, name, remark, wording.count(given), wording.count(got))
        for number, name, remark, given, got in lines
    )


def _more(count: int) -> str:
    return wording.plural(count, "more step") if count else ""


def failure(trace: Trace, outline: Outline, view: View, quoter: Quoter) -> Failure | None:
    """What went wrong and where it began; None for a run without any error."""
    is_fatal = trace.status is Status.ERROR
    if not is_fatal and not outline.failure_count:
        return None
    links = [StepLink(view.href(number), number, name, line) for number, name, line in outline.failures]
    origin = next((link for link in links if link.number == outline.origin), None)
    message = trace.error_message or outline.origin_message
    others = [link for link in links if link is not origin]
    omitted = outline.failure_count - (origin is not None) - _MAX_FAILURES
    return Failure(
        is_fatal=is_fatal,
        headline="The run failed"
        if is_fatal
        else f"{wording.plural(outline.failure_count, 'step')} failed; the run went on",
        message=quoted(quoter.text(message, is_code=_is_code(message))) if message else None,
        origin=origin,
        cause=origin.error_line if origin and origin.error_line != line_of_error(message) else "",
        others=tuple(others[:_MAX_FAILURES]),
        others_omitted=wording.plural(omitted, "more") if omitted > 0 else "",
    )


def _is_code(text: str) -> bool:
    """Whether an error is a stack trace, which is read by its columns."""
    return "Traceback (most recent call last)" in text or "\n    at " in text
