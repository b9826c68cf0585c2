"""What a row of the timeline unfolds to: all that a step has to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracen_otel.model import Status, Step
from viewer import pieces, wording
from viewer.attributes import attributes_of, events_of, sources_of
from viewer.conversation import exchanges
from viewer.labels import provider_label, row_name, token_counts, token_details, told_usage
from viewer.legible import Draft, clip, joined
from viewer.parameters import Parameters, parameters_of
from viewer.quotes import Quoter
from viewer.timeline.waterfall import Axis
from viewer.view import View


def body_of(step: Step, number: int, axis: Axis, quoter: Quoter, view: View) -> Draft:
    """All that a step has to say."""
    return pieces.BODY(
        number, joined(_body(step, number, axis, quoter)), joined(_links(step, number, axis, view))
    )


def _body(step: Step, number: int, axis: Axis, quoter: Quoter) -> Iterator[Draft]:
    """What a row unfolds to, in order."""
    if step.error_message:
        yield pieces.ERROR(pieces.quoted(quoter.text(step.error_message)))
    yield from (pieces.WARNING(clip(warning)) for warning in step.warnings)
    yield exchanges(step, quoter)
    parameters = parameters_of(step.attributes)
    yield pieces.SHEET(pieces.FACT.each(tuple(_facts(step, axis, parameters))))
    if step.events:
        is_open = pieces.OPEN if step.status is Status.ERROR else pieces.NOTHING
        yield _fold(
            number, "events", is_open, "Events", wording.count(len(step.events)), events_of(step, quoter)
        )
    if step.attributes:
        unused = (step.attributes.keys() & step.unread) - parameters.keys
        count = wording.count(len(step.attributes)) + (f", {len(unused):,} not used above" if unused else "")
        told = attributes_of(step, unused, quoter)
        yield _fold(number, "attributes", pieces.NOTHING, "Attributes", count, told)
    if step.sources:
        told = joined((pieces.ABOUT_SOURCES, sources_of(step)))
        yield _fold(number, "sources", pieces.NOTHING, "Where this came from", "", told)


def _fold(number: int, name: str, is_open: Draft, label: str, count: str, content: Draft) -> Draft:
    """A part of a step that has an address of its own."""
    return pieces.STEP_FOLD(is_open, number, name, label, count, content)


def _links(step: Step, number: int, axis: Axis, view: View) -> Iterator[Draft]:
    yield pieces.STEP_LINK(f"#step-{number}", f"Link to step {number}")
    yield pieces.STEP_LINK(view.step_url(number), "On a page of its own")
    if step.start_ns and step.latency_ns and axis.span_ns:
        start_us = max(0, step.start_ns - axis.start_ns) // 1000
        zoom_us = (start_us, start_us + max(1, step.latency_ns // 1000))
        yield pieces.STEP_LINK(view.url(zoom_us=zoom_us, step=number) + f"#row-{number}", "Zoom to its time")


def _facts(step: Step, axis: Axis, parameters: Parameters) -> Iterable[str]:
    """Label, value and what qualifies the value, for each fact that the row has no room for."""
    if row_name(step) != step.name:
        yield from ("Name", clip(step.name), "")
    yield from ("Duration", wording.duration(step.latency_ns), "")
    if step.start_ns:
        offset_ns = step.start_ns - axis.start_ns
        after = f"{wording.duration(offset_ns)} after the start" if offset_ns > 0 else "at the start"
        yield from ("Started", wording.moment(step.start_ns), after)
    if step.model:
        yield from ("Model", clip(step.model), "")
    if provider := provider_label(step.provider, step.provider_name):
        yield from ("Provider", provider, "")
    if step.usage:
        yield from ("Tokens", token_counts(told_usage(step)), token_details(step.usage))
    for name, value in parameters.told:
        yield from (name, value, "")
    if step.scope:
        yield from ("Instrumentation", clip(step.scope), "")
    if step.id:
        yield from ("Step id", clip(step.id), "")
    if step.parent_id:
        yield from ("Part of", clip(step.parent_id), "")
