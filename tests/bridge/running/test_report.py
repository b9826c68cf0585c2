"""The lines that people read, and those for programs."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from rich.cells import cell_len

from bridge.running.report import SHOWN, as_json, duration_told, lines


def trace(title: str, **more: Any) -> dict[str, Any]:
    told = {"title": title, "status": "success", "url": "http://127.0.0.1:8000/traces/1", "lacks_root": False}
    return told | {"total_latency_ms": 1200, "input_tokens": 1204, "output_tokens": None} | more


def plain(traces: list[dict[str, Any]], total: int | None = None) -> list[str]:
    return [click.unstyle(line) for line in lines(traces, len(traces) if total is None else total)]


def test_lines_are_aligned_whatever_names_are_like() -> None:
    """Wide characters take two cells, long names are cut, escapes are shown as such."""
    names = ("short", "東京の天気", "x" * 300, "red \x1b[31m\r\n")
    told = plain(
        [trace(names[0]), trace(names[1], status="error"), trace(names[2]), trace(names[3], lacks_root=True)]
    )
    assert told[0] == "tracen: 4 traces"
    ends = {cell_len(line.partition("http://")[0]) for line in told[1:]}
    assert len(ends) == 1
    assert not set("\x1b\r\n") & set("".join(told))
    assert [line.split()[0] for line in told[1:]] == ["success", "error", "success", "unfinished"]
    assert "1.20 s · 1,204 in" in told[1]


@pytest.mark.parametrize(
    ("latency_ms", "told"), [(0, "< 1 ms"), (1, "1 ms"), (9, "9 ms"), (10, "10 ms"), (1200, "1.20 s")]
)
def test_duration_has_no_more_digits_than_the_api_tells(latency_ms: int, told: str) -> None:
    """Whole milliseconds: a page that knows more may say 0.13 ms."""
    assert duration_told(latency_ms) == told


def test_last_ones_are_shown_and_all_are_counted() -> None:
    """A program may make thousands."""
    told = plain([trace(f"n{number}") for number in range(SHOWN + 5)], 3000)
    assert told[0] == f"tracen: 3,000 traces, the last {SHOWN}:"
    assert len(told) == SHOWN + 1
    assert " n5 " in told[1]


def test_key_that_may_not_read_is_told_addresses() -> None:
    """No status, no figures, no failure."""
    told = plain([{"otel_trace_id": "ab" * 16, "url": "http://h/traces/1"}])
    assert told[1].split() == ["arrived", "ab" * 16, "http://h/traces/1"]


def test_json_is_a_line_a_trace() -> None:
    """Whatever is in it."""
    traces = [trace("a\nb"), trace("東京")]
    assert [json.loads(line) for line in as_json(traces)] == traces
    assert not any("\n" in line for line in as_json(traces))
