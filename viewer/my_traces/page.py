"""The list of an account's traces as a page. Values in, HTML out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tracen_otel.model import StepKind
from viewer import wording
from viewer.accounts.frame import Frame
from viewer.legible import one_line, spelled
from viewer.my_traces.contexts import (
    Chip,
    DeletionPage,
    DoomedTrace,
    FilterBar,
    MyTracesPage,
    Option,
    Select,
)
from viewer.my_traces.filters import MAX_WORDS, PATH, Filters, Time, minutes
from viewer.my_traces.rows import LABEL_BY_OUTCOME, kind_name, provider_name, row_of, title_of
from viewer.pages import render
from viewer.store.catalogue import Choices, ListedTrace, Outcome

ROWS = 50
"""Traces on a page."""
TITLES = 10
"""Traces that are named before they are deleted."""
_CHIP = 60
_BACKLOG = "More traces are still being added to this list."
"""No number: what waits are requests, of which nobody knows yet how many traces they tell of."""
_LABEL_BY_TIME = {
    Time.HOUR: "Past hour",
    Time.DAY: "Past 24 hours",
    Time.WEEK: "Past 7 days",
    Time.MONTH: "Past 30 days",
    Time.BETWEEN: "Between…",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list as the store told it: up to one trace more than are shown, to know whether more follow."""

    traces: Sequence[ListedTrace]
    choices: Choices
    backlog: int
    edition: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is said above the list."""

    notices: tuple[str, ...] = ()
    done: str = ""
    is_done_good: bool = False


def list_query(filters: Filters, **more: str) -> str:
    """What leads back to a page of the list, with more said in it."""
    place = {} if filters.before is None else {"before": str(filters.before)}
    return urlencode(filters.parameters() | place | more)


def render_list(
    frame: Frame, filters: Filters, listed: Listed, told: Told, *, base_url: str, now_ns: int
) -> str:
    """The page of the list."""
    shown = listed.traces[:ROWS]
    has_more = len(listed.traces) > ROWS
    return render(
        MyTracesPage(
            title="My traces · Tracen",
            frame=frame,
            filters=_filter_bar(filters, listed.choices),
            notices=told.notices,
            done=told.done,
            is_done_good=told.is_done_good,
            backlog=_BACKLOG if listed.backlog else "",
            is_any=filters.is_any,
            is_searched=bool(filters.words),
            is_first=filters.before is None,
            count=_count(len(shown), filters, has_more=has_more),
            rows=tuple(row_of(one, base_url, now_ns) for one in shown),
            newest_href=filters.href(),
            older_href=filters.href(before=str(shown[-1].place)) if has_more else "",
            list_query=list_query(filters),
            edition=listed.edition,
            events_url=f"{PATH}/events",
            base_url=base_url,
        )
    )


def _count(shown: int, filters: Filters, *, has_more: bool) -> str:
    """As much as is known: nobody counts millions for it."""
    which = "" if filters.is_any else " that match" if shown != 1 else " that matches"
    if filters.before is not None:
        return f"{wording.plural(shown, 'older trace')}{which}" if shown else ""
    if has_more:
        return f"The newest {shown}{' traces' if filters.is_any else which}"
    return f"{wording.plural(shown, 'trace')}{which}" if shown else ""


# -- filters -------------------------------------------------------------------------------------------


def _filter_bar(filters: Filters, choices: Choices) -> FilterBar:
    outcome, kind, time = filters.outcome, filters.kind, filters.time
    kinds = [one.value for one in StepKind if one.value in choices.kinds or one is kind]
    return FilterBar(
        words=filters.words,
        max_words=MAX_WORDS,
        selects=(
            _select(
                "status", "Status", "Any status", outcome, ((o.value, LABEL_BY_OUTCOME[o]) for o in Outcome)
            ),
            _select("model", "Model", "Any model", filters.model, _names(filters.model, choices.models)),
            _select(
                "provider",
                "Provider",
                "Any provider",
                filters.provider,
                ((value, provider_name(value)) for value in _values(filters.provider, choices.providers)),
            ),
            _select("kind", "Kind of step", "Any step", kind, ((k, kind_name(StepKind(k))) for k in kinds)),
            _select("time", "Time", "Any time", time, ((t.value, _LABEL_BY_TIME[t]) for t in Time)),
        ),
        since=minutes(filters.since),
        until=minutes(filters.until),
        chips=tuple(_chips(filters)),
        clear_href=PATH,
    )


def _values(chosen: str, there: Collection[str]) -> Iterator[str]:
    """What can be chosen: what hides characters can not stand in a field."""
    if chosen and chosen not in there:
        yield chosen
    yield from (value for value in there if value and spelled(value) == value)


def _names(chosen: str, there: Collection[str]) -> Iterator[tuple[str, str]]:
    return ((value, one_line(value, _CHIP)) for value in _values(chosen, there))


def _select(
    name: str, label: str, any_label: str, chosen: str | None, there: Iterator[tuple[str, str]]
) -> Select:
    options = [Option("", any_label, not chosen)]
    options += [Option(value, words, value == chosen) for value, words in there]
    return Select(name, label, tuple(options))


def _chips(filters: Filters) -> Iterator[Chip]:
    def chip(label: str, *names: str) -> Chip:
        return Chip(one_line(label, _CHIP), filters.without(*names).href())

    if filters.words:
        yield chip(f"“{one_line(filters.words, 40)}”", "words")
    if filters.outcome:
        yield chip(LABEL_BY_OUTCOME[filters.outcome], "outcome")
    if filters.model:
        yield chip(f"Model {filters.model}", "model")
    if filters.provider:
        yield chip(f"Provider {provider_name(filters.provider)}", "provider")
    if filters.kind:
        yield chip(f"{kind_name(filters.kind)} steps", "kind")
    if filters.is_stretch:
        yield chip(_time_told(filters), "time", "since", "until")


def _time_told(filters: Filters) -> str:
    if filters.time is not Time.BETWEEN:
        return _LABEL_BY_TIME[filters.time] if filters.time else ""
    since, until = (minutes(when).replace("T", " ") for when in (filters.since, filters.until))
    if since and until:
        return f"{since} to {until} UTC"
    return f"Since {since} UTC" if since else f"Before {until} UTC"


# -- deletion ------------------------------------------------------------------------------------------


def render_deletion(
    frame: Frame, ids: Sequence[str], missed: int, listed: Sequence[ListedTrace], filters: Filters
) -> str:
    """The page that asks before traces are deleted. `listed` is where their titles are told, as far as they are."""
    title_by_id = {one.page.id: title_of(one.summary) for one in listed}
    count = wording.plural(len(ids), "trace")
    return render(
        DeletionPage(
            title=f"Delete {count}? · Tracen",
            frame=frame,
            count=count,
            traces=tuple(
                DoomedTrace(f"/traces/{one}", title_by_id.get(one, f"Trace {one}")) for one in ids[:TITLES]
            ),
            more=f"and {len(ids) - TITLES:,} more" if len(ids) > TITLES else "",
            missed=_missed(missed),
            ids=tuple(ids),
            list_query=list_query(filters),
            back_href=f"{PATH}?{list_query(filters)}".rstrip("?"),
        )
    )


def _missed(count: int) -> str:
    if not count:
        return ""
    return f"{wording.plural(count, 'trace')} {'was' if count == 1 else 'were'} not found: deleted already, perhaps."


def told_of(deleted: int, missed: int, notices: tuple[str, ...]) -> Told:
    """What became of a deletion, beside other notices."""
    if not deleted and not missed:
        return Told(notices, "No trace was selected, so nothing was deleted.")
    words = f"{wording.plural(deleted, 'trace')} deleted for good." if deleted else "Nothing was deleted."
    return Told(notices, f"{words} {_missed(missed)}".strip(), is_done_good=deleted > 0)
