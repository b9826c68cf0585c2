"""The pages of a trace: the whole of it, one step, some rows, what was found, and the card that others embed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from tracen_otel.assemble import PARENTS_MISSING, ROOT_MISSING
from tracen_otel.model import Trace
from viewer import pieces, summary, wording
from viewer.contexts import (
    EmbedPage,
    Found,
    Link,
    OwnerBar,
    RowsPage,
    Said,
    StepPage,
    TimelinePart,
    TracePage,
)
from viewer.document import FIRST, Document, rows_parts, steps_part
from viewer.labels import row_name
from viewer.legible import Draft, clip, joined, one_line
from viewer.pages import MAX_TITLE, render
from viewer.pieces import NOTHING, quoted
from viewer.quotes import Quoter
from viewer.search import Match
from viewer.switches import switches_of
from viewer.timeline import minimap
from viewer.timeline.blocks import sent, shown_ranges, stretches_of
from viewer.timeline.folds import BLOCK_LINES
from viewer.timeline.outline import Outline
from viewer.timeline.rows import Timeline
from viewer.timeline.waterfall import Axis
from viewer.view import AT_REST, Liveness, View

MAX_NOTES = 20
MAX_INLINED_BYTES = 512 * 1024
"""Of the first steps, told with the page; larger ones are read when somebody unfolds them."""
_EMBED_TEXT = 600
"""Characters of prompt and answer in an embedded page."""


def wanted(document: Document, view: View) -> Iterator[str]:
    """The names of the parts of a document that a view needs besides those that every page reads."""
    outline = document.outline
    if not outline.step_count:
        return
    for numbers in shown_ranges(outline, view, sent(outline, view)):
        yield from rows_parts(numbers)
    if 0 < view.step <= outline.step_count:
        yield steps_part(document.part_of_step(view.step))


def render_trace(
    document: Document,
    view: View,
    *,
    base_url: str,
    found: Found | None = None,
    liveness: Liveness = AT_REST,
    owner: OwnerBar | None = None,
    is_indexed: bool = False,
) -> str:
    """Render the public page of a trace. `found` stands in the place of the timeline's rows."""
    trace, outline = document.head(), document.outline
    view = replace(view, sent=sent(outline, view))
    quoter = Quoter(is_markdown=view.is_markdown)
    heading = summary.heading(trace)
    state, status = summary.outcome(trace, is_receiving=liveness.is_receiving)

    def said(field: str, text: str | None) -> Said | None:
        number = outline.numbers.get(field, 0)
        return Said(quoted(quoter.text(text)), number, view.href(number)) if text else None

    page_url = base_url + view.path
    return render(
        TracePage(
            title=f"{one_line(heading, MAX_TITLE)} · Tracen",
            description=summary.description(trace),
            page_url=page_url,
            path=view.path,
            preview_url=f"{page_url}/og.png",
            oembed_url=f"{base_url}/oembed?{urlencode({'url': page_url})}",
            heading=heading,
            state=state,
            status=status,
            is_receiving=liveness.is_receiving,
            version=liveness.version,
            events_url=f"{view.path}/events" if liveness.is_watched else "",
            facts=summary.facts(trace, outline, view),
            failure=summary.failure(trace, outline, view, quoter),
            has_content=bool(trace.prompt or trace.response),
            has_model=outline.has_model,
            switches=switches_of(outline),
            system=said("system", trace.system),
            prompt=said("prompt", trace.prompt),
            response=said("response", trace.response),
            text_form=_text_form(view.url, view),
            notes=tuple(map(clip, _notes(trace, outline, liveness.is_receiving))),
            is_empty=not outline.step_count,
            timeline=_timeline(document, view, quoter, found),
            owner=owner,
            is_indexed=is_indexed,
        )
    )


def _text_form(url: Callable[..., str], view: View) -> Link:
    label = "Show texts as they were sent" if view.is_markdown else "Show texts as Markdown"
    return Link(url(is_markdown=not view.is_markdown), label)


def _axis(outline: Outline, view: View) -> Axis:
    if view.zoom_us is None or not outline.axis_span_ns:
        return outline.axis
    start_ns, end_ns = (us * 1000 for us in view.zoom_us)
    start_ns, end_ns = min(start_ns, outline.axis_span_ns), min(end_ns, outline.axis_span_ns)
    return outline.axis.zoomed(start_ns, end_ns - start_ns) if end_ns > start_ns else outline.axis


def _timeline(document: Document, view: View, quoter: Quoter, found: Found | None) -> TimelinePart:
    outline = document.outline
    axis = _axis(outline, view)
    is_zoomed = axis != outline.axis
    end_ns = axis.offset_ns + axis.span_ns
    return TimelinePart(
        count=wording.plural(outline.step_count, "step"),
        step_count=outline.step_count,
        failures=" ".join(str(number) for number, _, _ in outline.failures),
        shows_tokens=outline.shows_tokens,
        shows_critical=outline.step_count > 1 and outline.axis_span_ns > 0,
        ticks=axis.ticks(),
        minimap=minimap.drawn(outline.lanes),
        rows_query=view.rows_query(),
        span_us=outline.axis_span_ns // 1000,
        zoom=f"{wording.duration(axis.offset_ns)} to {wording.duration(end_ns)}" if is_zoomed else "",
        zoom_out_href=view.url(zoom_us=None) + "#timeline",
        folding=_folding(outline, view),
        query=view.words,
        found=found,
        steps=_blocks(document, view, axis, quoter) if found is None else NOTHING,
    )


def _folding(outline: Outline, view: View) -> Link | None:
    if not outline.folded_count:
        return None
    label = (
        "Fold plumbing away" if view.shows_all else f"Show all {wording.plural(outline.step_count, 'step')}"
    )
    return Link(view.url(shows_all=not view.shows_all) + "#timeline", label)


def _blocks(document: Document, view: View, axis: Axis, quoter: Quoter) -> Draft:
    timeline = Timeline(document, view, axis, quoter, _inlined(document, view))
    made: list[Draft] = []
    for stretch in stretches_of(document.outline, view):
        if stretch[0].start == view.sent.start:
            made += map(timeline.block, stretch)
        else:
            made.append(timeline.waiting(stretch, len(stretch) * BLOCK_LINES))
    return joined(made)


def weight(document: Document, view: View) -> int:
    """Bytes that rendering the page of a trace has to do with."""
    part = _inlined_part(document, view)
    names = {*FIRST, *wanted(document, view)} - {steps_part(0)}
    if part is not None:
        names.add(steps_part(part))
    return sum(map(document.size_of, names))


def _inlined_part(document: Document, view: View) -> int | None:
    """The part of steps whose bodies come along: that of the step asked for, else the first one unless it is huge."""
    if 0 < view.step <= document.outline.step_count:
        return document.part_of_step(view.step)
    return 0 if 0 < document.size_of(steps_part(0)) <= MAX_INLINED_BYTES else None


def _inlined(document: Document, view: View) -> range:
    part = _inlined_part(document, view)
    return range(0) if part is None else document.steps_in(part)


def _notes(trace: Trace, outline: Outline, is_receiving: bool) -> Iterable[str]:
    if trace.masked:
        yield wording.masked(trace.masked)
    awaited = (ROOT_MISSING, PARENTS_MISSING) if is_receiving else ()
    yield from (note for note in trace.notes[:MAX_NOTES] if not note.startswith(awaited))
    if len(trace.notes) > MAX_NOTES:
        yield f"There are {len(trace.notes) - MAX_NOTES} more notes; the JSON has them all."
    if outline.skewed_count:
        steps = "1 step begins" if outline.skewed_count == 1 else f"{outline.skewed_count:,} steps begin"
        yield (
            f"{steps} before the step it is part of, by up to {wording.duration(outline.skew_ns)}: "
            "the clocks of the machines differ."
        )


def render_step(document: Document, view: View, number: int) -> str:
    """Render the page of one step."""
    outline = document.outline
    axis, quoter = outline.axis, Quoter(is_markdown=view.is_markdown)
    (entry,) = document.entries(range(number, number + 1))
    step = document.step(number)
    trace = document.head()
    name = row_name(step)

    def url(*, is_markdown: bool) -> str:
        return replace(view, is_markdown=is_markdown).step_url(number)

    return render(
        StepPage(
            title=f"{name} · {one_line(summary.heading(trace), MAX_TITLE)} · Tracen",
            back=Link(view.url(step=number) + f"#step-{number}", summary.heading(trace)),
            number=number,
            kind=step.kind.value,
            name=name,
            shows_tokens=outline.shows_tokens,
            step=Timeline(document, replace(view, step=number), axis, quoter, range(number, number + 1)).line(
                entry
            ),
            before=Link(view.step_url(number - 1), f"Step {number - 1}") if number > 1 else None,
            after=Link(view.step_url(number + 1), f"Step {number + 1}")
            if number < outline.step_count
            else None,
            text_form=_text_form(url, view),
        )
    )


def render_rows(document: Document, view: View, numbers: range) -> str:
    """Render the rows of some steps, which the script of the page puts in their place."""
    outline = document.outline
    axis = _axis(outline, view)
    timeline = Timeline(document, view, axis, Quoter(), range(0))
    return render(
        RowsPage(
            title="Steps",
            shows_tokens=outline.shows_tokens,
            ticks=axis.ticks(),
            steps=timeline.block(numbers),
        )
    )


def render_found(document: Document, view: View, matches: Sequence[Match], next_number: int) -> Found:
    """What a search found, as it stands in the place of the timeline. `next_number`: where to go on; 0 at the end."""
    axis, quoter = _axis(document.outline, view), Quoter()
    timeline = Timeline(document, view, axis, quoter, range(0))
    lines = []
    for match in matches:
        (entry,) = document.entries(range(match.number, match.number + 1))
        more = pieces.FOUND(
            match.where.replace("_", " "), ": " if match.where else "", match.before, match.words, match.after
        )
        lines.append(timeline.line(entry, more if match.words else NOTHING))
    count = wording.plural(len(matches), "step") if matches else "No step"
    so_far = " so far" if next_number or view.first > 1 else ""
    return Found(
        headline=f"{count} found{so_far}",
        steps=pieces.WHOLE_BLOCK(len(lines), joined(lines)) if lines else NOTHING,
        next_href=view.url(first=next_number) + "#timeline" if next_number else "",
    )


def title_of(document: Document) -> str:
    """The heading of a trace, as one line."""
    return one_line(summary.heading(document.head()), MAX_TITLE)


def render_embed(document: Document, *, page_url: str) -> str:
    """Render a trace in short, for a frame in a page of somebody else's."""
    trace, outline = document.head(), document.outline
    state, status = summary.outcome(trace)
    heading = summary.heading(trace)
    view = View("")
    return render(
        EmbedPage(
            title=f"{one_line(heading, MAX_TITLE)} · Tracen",
            page_url=page_url,
            heading=one_line(heading, MAX_TITLE),
            state=state,
            status=status,
            facts=tuple(replace(fact, token_sum=None) for fact in summary.facts(trace, outline, view)[:4]),
            note="",
            error=one_line(trace.error_message or outline.origin_message, _EMBED_TEXT)
            if state == "bad"
            else "",
            prompt=clip(trace.prompt[:_EMBED_TEXT]),
            response=clip(trace.response[:_EMBED_TEXT]),
            minimap=minimap.drawn(outline.lanes),
        )
    )
