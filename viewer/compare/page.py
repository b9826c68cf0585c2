"""The page that puts two traces side by side. Values in, HTML out; knows no store, no request and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracen_otel.model import Status, Trace
from tracen_otel.timestamps import format_timestamp
from viewer import wording
from viewer.compare.alignment import WINDOW
from viewer.compare.comparison import Comparison, Line, compare, delta
from viewer.compare.rows import Table, table
from viewer.compare.texts import passage
from viewer.compare.words import THE_SAME, count_change, duration_change, listing, share
from viewer.contexts import ComparedRun, ComparePage, Passage, Total
from viewer.legible import one_line
from viewer.pages import render
from viewer.quotes import Quoter
from viewer.summary import heading

_MAX_TITLE = 60


def render_compare(a: Trace, b: Trace, *, a_url: str, b_url: str) -> str:
    """Render what changed from trace A to trace B; the addresses are those of their own pages."""
    return render(compare_page(a, b, a_url=a_url, b_url=b_url))


def compare_page(a: Trace, b: Trace, *, a_url: str, b_url: str) -> ComparePage:
    """Say all that the page shows, ready to print."""
    comparison, quoter = compare(a, b), Quoter()
    lines = table(comparison.lines, a_url, b_url, quoter)
    one, other = heading(a), heading(b)
    return ComparePage(
        title=f"Compare: {one_line(one, _MAX_TITLE)} and {one_line(other, _MAX_TITLE)} · Tracen",
        runs=(_run("A", a, a_url), _run("B", b, b_url)),
        verdict=_verdict(a, b, comparison, is_same_page=a_url == b_url),
        notes=tuple(_notes(comparison, lines)),
        totals=tuple(_totals(a, b, comparison)),
        passages=tuple(filter(None, _passages(a, b, quoter))),
        census=_census(comparison.lines),
        has_tokens=lines.has_tokens,
        steps=lines.groups,
    )


def _run(letter: str, trace: Trace, url: str) -> ComparedRun:
    is_failed = trace.status is Status.ERROR
    return ComparedRun(
        letter=letter,
        heading=heading(trace),
        url=url,
        is_failed=is_failed,
        status=_outcome(trace),
        started=wording.moment(trace.started_ns) if trace.started_ns else "",
        datetime=format_timestamp(trace.started_ns) if trace.started_ns else "",
    )


def _outcome(trace: Trace) -> str:
    return "Failed" if trace.status is Status.ERROR else "Succeeded"


def _passages(a: Trace, b: Trace, quoter: Quoter) -> Iterator[Passage | None]:
    no_prompt, no_error = ("No prompt was recorded.",) * 2, ("No error.",) * 2
    yield passage("Prompt", a.prompt, b.prompt, quoter, absent=no_prompt)
    yield passage("System prompt", a.system or "", b.system or "", quoter, absent=no_prompt)
    yield passage("Response", a.response, b.response, quoter, absent=(_no_response(a), _no_response(b)))
    yield passage("Error", a.error_message or "", b.error_message or "", quoter, absent=no_error)


def _no_response(trace: Trace) -> str:
    return (
        "The run failed before it answered." if trace.status is Status.ERROR else "No response was recorded."
    )


# -- totals -------------------------------------------------------------------------------------------


def _totals(a: Trace, b: Trace, comparison: Comparison) -> Iterator[Total]:
    one, other = comparison.a, comparison.b
    yield _words("Outcome", (_outcome(a), _outcome(b)), is_same=a.status is b.status)
    if a.model or b.model:
        one_model, other_model = (one_line(trace.model, _MAX_TITLE) or wording.UNKNOWN for trace in (a, b))
        yield _words("Model", (one_model, other_model), is_same=a.model == b.model)
    yield _total(
        "Duration",
        (wording.duration(one.duration_ns), wording.duration(other.duration_ns)),
        duration_change(one.duration_ns, other.duration_ns),
        share(one.duration_ns, other.duration_ns),
    )
    yield _count("Tokens in", one.input_tokens, other.input_tokens, "token")
    yield _count("Tokens out", one.output_tokens, other.output_tokens, "token")
    yield _count("Steps", one.steps, other.steps, "step")
    yield _count("LLM calls", one.llm_calls, other.llm_calls, "call")
    yield _count("Failed steps", one.failures, other.failures, "step")


def _words(label: str, values: tuple[str, str], *, is_same: bool) -> Total:
    return _total(label, values, THE_SAME if is_same else "changed", "")


def _count(label: str, a: int | None, b: int | None, noun: str) -> Total:
    part = share(a, b) if noun == "token" else ""
    return _total(label, (wording.count(a), wording.count(b)), count_change(a, b, noun), part)


def _total(label: str, values: tuple[str, str], difference: str, part: str) -> Total:
    is_same = difference == THE_SAME or (not difference and values[0] == values[1])
    return Total(label, *values, difference or ("–" if is_same else "not told in both"), part, is_same)


# -- in words -----------------------------------------------------------------------------------------


def _verdict(a: Trace, b: Trace, comparison: Comparison, *, is_same_page: bool) -> str:
    """What changed, in a sentence or two."""
    if is_same_page:
        return "Both are the same trace."
    claims = list(_claims(a, b, comparison))
    steps = _steps_verdict(comparison.lines)
    if claims:
        return f"Compared with A, B {listing(claims)}. {steps}"
    return f"The two runs came to the same. {steps}"


def _claims(a: Trace, b: Trace, comparison: Comparison) -> Iterator[str]:
    """Phrases that go on after "B"."""
    if a.model and b.model and a.model != b.model:
        yield f"ran with {one_line(b.model, _MAX_TITLE)} instead of {one_line(a.model, _MAX_TITLE)}"
    if (a.system or "") != (b.system or ""):
        yield "had another system prompt"
    if a.prompt != b.prompt:
        yield "was asked something else"
    if a.status is not b.status:
        yield "failed" if b.status is Status.ERROR else "succeeded"
    one, other = comparison.a, comparison.b
    slower_ns = delta(one.duration_ns, other.duration_ns)
    if slower_ns:
        yield f"took {wording.duration(abs(slower_ns))} {'longer' if slower_ns > 0 else 'less'}"
    more = delta(
        _tokens(one.input_tokens, one.output_tokens), _tokens(other.input_tokens, other.output_tokens)
    )
    if more:
        yield f"used {wording.plural(abs(more), 'token')} {'more' if more > 0 else 'fewer'}"
    if a.response and b.response and a.response != b.response:
        yield "answered differently"


def _tokens(input_tokens: int | None, output_tokens: int | None) -> int | None:
    if input_tokens is None and output_tokens is None:
        return None
    return (input_tokens or 0) + (output_tokens or 0)


def _steps_verdict(lines: Iterable[Line]) -> str:
    lines = list(lines)
    if not lines:
        return "Neither has steps."
    counts = _counts(lines)
    if len(lines) == counts["alike"]:
        return "All steps are alike."
    told = [f"{wording.plural(counts['changed'], 'step')} changed"] if counts["changed"] else []
    for where in ("only in A", "only in B"):
        if counts[where]:
            told.append(f"{counts[where]:,} {'is' if counts[where] == 1 else 'are'} {where}")
    return f"{listing(told)}."


def _counts(lines: Iterable[Line]) -> dict[str, int]:
    counts = {"alike": 0, "changed": 0, "only in A": 0, "only in B": 0}
    for line in lines:
        if line.b is None:
            counts["only in A"] += 1
        elif line.a is None:
            counts["only in B"] += 1
        else:
            counts["changed" if line.differences else "alike"] += 1
    return counts


def _census(lines: Iterable[Line]) -> str:
    """`3 alike · 2 changed · 1 only in B`."""
    return " · ".join(f"{number:,} {words}" for words, number in _counts(lines).items() if number)


def _notes(comparison: Comparison, lines: Table) -> Iterator[str]:
    if not comparison.is_exact:
        yield (
            f"Some step has more than {wording.count(WINDOW)} steps below it. They were matched part by part, "
            "so a step may stand alone here that has its counterpart."
        )
    if lines.left_out:
        rest = _census(lines.left_out)
        yield f"The table leaves out {wording.plural(len(lines.left_out), 'line')} at its end: {rest}."
