"""One trace of the list in words. Values in, values out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tracen_otel.model import Provider, StepKind
from viewer import wording
from viewer.accounts.recency import moment_of
from viewer.labels import LABEL_BY_KIND, provider_label
from viewer.legible import clip, one_line
from viewer.my_traces.contexts import TraceRow
from viewer.sharing.states import sharing_path, wording_of
from viewer.store.base import NS_PER_S, Page
from viewer.store.catalogue import ListedTrace, Outcome, Summary
from viewer.traces import RECEIVING_NS

LABEL_BY_OUTCOME = {
    Outcome.SUCCESS: "Succeeded",
    Outcome.ERROR: "Failed",
    Outcome.UNFINISHED: "Unfinished",
}
_STATE_BY_OUTCOME = {Outcome.SUCCESS: "good", Outcome.ERROR: "bad", Outcome.UNFINISHED: "open"}
_TITLE = 160
_MODEL = 60
_MAX_KINDS = 4
_EARLIEST_NS = 631_152_000 * NS_PER_S
_AHEAD_NS = 24 * 3600 * NS_PER_S


def row_of(listed: ListedTrace, base_url: str, now_ns: int) -> TraceRow:
    """A trace as the list shows it."""
    summary, path = listed.summary, f"/traces/{listed.page.id}"
    state, status = _state(listed, now_ns)
    kinds = tuple(_kinds(summary))
    return TraceRow(
        id=listed.page.id,
        href=path,
        url=base_url + path,
        title=title_of(summary),
        state=state,
        status=status,
        model=one_line(summary.model, _MODEL),
        kinds=tuple(kind.value for kind in kinds[:_MAX_KINDS]),
        kinds_told=", ".join(map(kind_name, kinds)),
        steps=wording.count(summary.step_count),
        steps_noun="step" if summary.step_count == 1 else "steps",
        tokens=_tokens(summary),
        duration="" if summary.latency_ns is None else wording.duration(summary.latency_ns),
        sharing=_sharing(listed.page, now_ns),
        sharing_told=wording_of(listed.page, now_ns),
        sharing_href=sharing_path(listed.page.id),
        started=moment_of(_started_ns(listed), now_ns),
    )


def title_of(summary: Summary) -> str:
    """The title as one line."""
    return one_line(summary.title, _TITLE) or "Untitled trace"


def kind_name(kind: StepKind) -> str:
    """What a reader calls a kind of step, where it stands alone."""
    return LABEL_BY_KIND[kind] or "Other"


def provider_name(told: str) -> str:
    """What a reader calls a provider: a value of `Provider`, or the raw name of another one."""
    try:
        return provider_label(Provider(told), None)
    except ValueError:
        return clip(told)


def _state(listed: ListedTrace, now_ns: int) -> tuple[str, str]:
    outcome = listed.summary.outcome
    if outcome is Outcome.UNFINISHED and now_ns - listed.received_ns < RECEIVING_NS:
        return "live", "Running"
    return _STATE_BY_OUTCOME[outcome], LABEL_BY_OUTCOME[outcome]


def _sharing(page: Page, now_ns: int) -> str:
    """Who can see it, in a word."""
    if page.is_private:
        return "Private"
    if page.shared_until_ns is None:
        return "Public"
    return "Expires" if now_ns < page.shared_until_ns else "Expired"


def _kinds(summary: Summary) -> Iterator[StepKind]:
    for told in summary.kinds:
        with contextlib.suppress(ValueError):  # of another release
            yield StepKind(told)


def _tokens(summary: Summary) -> str:
    if summary.input_tokens is None and summary.output_tokens is None:
        return ""
    told = (summary.input_tokens, summary.output_tokens)
    return " → ".join("?" if number is None else f"{number:,}" for number in told)


def _started_ns(listed: ListedTrace) -> int:
    """When it began, as the list orders it: a start that can not be counts as that of its arrival."""
    started_ns, received_ns = listed.summary.started_ns, listed.received_ns
    return started_ns if _EARLIEST_NS <= started_ns <= received_ns + _AHEAD_NS else received_ns
