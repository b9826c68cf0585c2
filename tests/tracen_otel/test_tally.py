"""Losses are counted, and told once a minute."""

from __future__ import annotations

import pytest

from tracen_otel.tally import OTHER, Counts, Tally


def test_tally_answers_what_was_counted() -> None:
    """Every count has its place."""
    tally = Tally()
    for what in ("published", "published", "skipped", "retries"):
        tally.count(what)
    tally.drop("too many spans", 3)

    assert tally.counts() == Counts(published=2, skipped=1, retries=1, dropped={"too many spans": 3})


def test_tally_warns_once_a_minute_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    """The first loss is told at once, those of the next minute together, and nothing twice."""
    tally = Tally()
    for now_s in range(90):
        tally.drop("too many spans", 2)
        if now_s == 30:
            tally.drop("unreadable", 1)
        tally.report(now_s)

    assert [record.getMessage() for record in caplog.records] == [
        "spans dropped: 2 (too many spans)",
        "spans dropped: 1 (unreadable)",
        "spans dropped: 120 (too many spans)",
    ]


def test_tally_tells_when_a_held_back_warning_may_go_out(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sleeps between reports knows how long; the last report holds nothing back."""
    tally = Tally()
    nothing = tally.next_report_s()
    tally.drop("unreadable", 1)
    tally.report(100)
    tally.drop("unreadable", 4)

    assert (nothing, tally.next_report_s()) == (None, 160)
    tally.report(101)
    tally.report(101, last=True)
    assert [record.args for record in caplog.records] == [(1, "unreadable"), (4, "unreadable")]
    assert tally.next_report_s() is None


def test_tally_counts_reasons_without_end_together(caplog: pytest.LogCaptureFixture) -> None:
    """A server that says something new of every trace costs neither memory nor a log without end, and no count."""
    tally = Tally()
    for n in range(1_000):
        tally.drop(f"the server refused steps[{n}]", 2)
    tally.drop("the server refused steps[0]", 1)
    tally.report(0)

    dropped = tally.counts().dropped
    assert len(dropped) == len(caplog.records) == 51
    assert dropped["the server refused steps[0]"] == 3
    assert dropped[OTHER] == 2 * 950
