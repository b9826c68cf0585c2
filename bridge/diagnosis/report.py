"""What was found, for people: a line a check, the repair beneath it, the likeliest cause; for programs: JSON."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

import click

from bridge.diagnosis.finding import SAME, Finding, Verdict

_CHECK_WIDTH = 13
_LEAST_ROOM = 30
"""Columns for what was found; where there are fewer beside the check, it stands beneath it."""
_COMMAND = re.compile(r"(export|unset|tracen|openssl|timedatectl|chmod|ls|pip|\(umask) ")
_SIGNS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.FAILURE: "✗", Verdict.SKIPPED: "–"}
_WORDS = {Verdict.OK: "ok", Verdict.WARNING: "warn", Verdict.FAILURE: "FAIL", Verdict.SKIPPED: "skip"}
_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILURE: "red", Verdict.SKIPPED: None}


class Report:
    """Writes findings as they come. `has_signs`: it knows ✓; `width`: columns, None where lines may be long."""

    def __init__(self, *, has_signs: bool, width: int | None) -> None:
        self._marks = _SIGNS if has_signs else _WORDS
        self._mark_width = max(map(len, self._marks.values()))
        indent = 2 + self._mark_width + 1 + _CHECK_WIDTH + 1
        self._is_narrow = width is not None and width - indent < _LEAST_ROOM
        self._indent = 2 + self._mark_width + 1 if self._is_narrow else indent
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
        found = self._wrapped(finding.found, self._indent)
        start = f"  {mark} {finding.check:{_CHECK_WIDTH}}"
        if self._is_narrow:
            lines.append(start.rstrip())
        else:
            lines.append(f"{start} {found.pop(0)}")
        lines += [" " * self._indent + line for line in found]
        look = {"bold": True} if finding.verdict is Verdict.FAILURE else {"dim": True}
        return lines + self._repairs(finding, self._indent, look)

    def ending(self, findings: Sequence[Finding]) -> list[str]:
        """The conclusion, and what to do first."""
        last = [click.style(line, bold=True) for line in self._wrapped(conclusion(findings), 0)]
        cause = cause_of(findings)
        return last + (self._repairs(cause, 0, {"bold": True}) if cause else [])

    def _repairs(self, finding: Finding, indent: int, look: dict[str, bool]) -> list[str]:
        """A line for each thing to do; a command stays whole, so that it can be copied."""
        arrow = "→ " if self._marks is _SIGNS else "-> "
        lines = []
        for repair in finding.repair:
            words = [repair] if _COMMAND.match(repair) else self._wrapped(repair, indent + len(arrow))
            starts = [arrow, *[" " * len(arrow)] * len(words)]
            lines += [
                " " * indent + click.style(start + line, **look)
                for start, line in zip(starts, words, strict=False)
            ]
        return lines

    def _wrapped(self, text: str, indent: int) -> list[str]:
        if self._width is None:
            return [text]
        room = max(self._width - indent, 10)
        return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


def cause_of(findings: Sequence[Finding]) -> Finding | None:
    """What is to be mended first: checks come in the order in which one thing rests on another."""
    for verdict in (Verdict.FAILURE, Verdict.WARNING):
        if found := next((finding for finding in findings if finding.verdict is verdict), None):
            return found
    return None


def conclusion(findings: Sequence[Finding]) -> str:
    """The likeliest cause in a sentence."""
    cause = cause_of(findings)
    if cause is None:
        return "All is well: what you send becomes a page."
    if cause.verdict is Verdict.WARNING:
        return f"Nothing is broken. Worth a look ({cause.check}): {_sentence(cause.found)}"
    failures = [
        finding for finding in findings if finding.verdict is Verdict.FAILURE and finding.found != SAME
    ]
    others = [check for check in dict.fromkeys(failure.check for failure in failures) if check != cause.check]
    then = f" Then look at: {', '.join(others)}." if others else ""
    return f"Likeliest cause ({cause.check}): {_sentence(cause.found)}{then}"


def _sentence(found: str) -> str:
    return found if found.endswith(("?", ".", "!")) else f"{found}."


def is_failed(findings: Sequence[Finding]) -> bool:
    """Whether anything is broken."""
    return any(finding.verdict is Verdict.FAILURE for finding in findings)


def json_line(finding: Finding) -> str:
    """A check as an object."""
    return json.dumps(asdict(finding), ensure_ascii=False)


def json_conclusion(findings: Sequence[Finding]) -> str:
    """The last line: whether anything is broken, the likeliest cause, and its repair."""
    verdict, cause = Verdict.FAILURE if is_failed(findings) else Verdict.OK, cause_of(findings)
    told = {"verdict": verdict, "conclusion": conclusion(findings), "repair": cause.repair if cause else ()}
    return json.dumps(told, ensure_ascii=False)
