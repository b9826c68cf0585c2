"""What was found, for people: a line a check, the repair beneath it, the likeliest cause; for programs: JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

import click

from bridge.diagnosis.finding import SAME, Finding, Verdict

_CHECK_WIDTH = 13
_SIGNS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.FAILURE: "✗", Verdict.SKIPPED: "–"}
_WORDS = {Verdict.OK: "ok", Verdict.WARNING: "warn", Verdict.FAILURE: "FAIL", Verdict.SKIPPED: "skip"}
_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILURE: "red", Verdict.SKIPPED: None}


class Report:
    """Writes findings as they come. `has_signs`: it knows ✓; `width`: columns, None where lines may be long."""

    def __init__(self, *, has_signs: bool, width: int | None) -> None:
        self._marks = _SIGNS if has_signs else _WORDS
        self._mark_width = max(map(len, self._marks.values()))
        self._indent = 2 + self._mark_width + 1 + _CHECK_WIDTH + 1
        self._width = width
        self._about = ""

    def lines(self, finding: Finding) -> list[str]:
        """A finding, with a heading where it is about something else than the last one."""
        lines = []
        if finding.about != self._about:
            lines += [*([""] if self._about else []), click.style(finding.about, bold=True)]
            self._about = finding.about
        mark = self._marks[finding.verdict].ljust(self._mark_width)
        mark = click.style(mark, fg=_COLOURS[finding.verdict]) if _COLOURS[finding.verdict] else mark
        found = self._wrapped(finding.found)
        lines.append(f"  {mark} {finding.check:{_CHECK_WIDTH}} {found[0]}")
        lines += [" " * self._indent + line for line in found[1:]]
        look = {"bold": True} if finding.verdict is Verdict.FAILURE else {"dim": True}
        arrow = "→" if self._marks is _SIGNS else "->"
        lines += [" " * self._indent + click.style(f"{arrow} {repair}", **look) for repair in finding.repair]
        return lines

    def _wrapped(self, text: str) -> list[str]:
        if self._width is None or self._width - self._indent < 30:
            return [text]
        return textwrap.wrap(text, self._width - self._indent, break_long_words=False, break_on_hyphens=False)


def conclusion(findings: Sequence[Finding]) -> str:
    """The likeliest cause in a sentence; checks come in the order in which one thing rests on another."""
    failures = [finding for finding in findings if finding.verdict is Verdict.FAILURE]
    warnings = [finding for finding in findings if finding.verdict is Verdict.WARNING]
    if failures:
        others = dict.fromkeys(failure.check for failure in failures[1:] if failure.found != SAME)
        then = f" Then look at: {', '.join(others)}." if others else ""
        return f"Likeliest cause ({failures[0].check}): {failures[0].found}.{then}"
    if warnings:
        return f"Nothing is broken. Worth a look ({warnings[0].check}): {warnings[0].found}."
    return "All is well: what you send becomes a page."


def is_failed(findings: Sequence[Finding]) -> bool:
    """Whether anything is broken."""
    return any(finding.verdict is Verdict.FAILURE for finding in findings)


def json_line(finding: Finding) -> str:
    """A check as an object."""
    return json.dumps(asdict(finding), ensure_ascii=False)


def json_conclusion(findings: Sequence[Finding]) -> str:
    """The last line: whether anything is broken, and the likeliest cause."""
    verdict = Verdict.FAILURE if is_failed(findings) else Verdict.OK
    return json.dumps({"verdict": verdict, "conclusion": conclusion(findings)}, ensure_ascii=False)
