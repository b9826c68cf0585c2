"""How findings are told: in the width there is, commands whole, and at the end what to do first."""

from __future__ import annotations

import re

import pytest

from bridge.diagnosis.finding import SAME, Finding, Subject
from bridge.diagnosis.report import Report, conclusion

SUBJECT = Subject("Environment")
LONG = "nothing listens at traces.example:4318, and that is said in more words than a line of a telephone has"
COMMAND = "export OTEL_EXPORTER_OTLP_ENDPOINT=http://traces.example:4318/a/path/that/is/rather/long"
FOUND = (
    SUBJECT.ok("proxy", "none in between"),
    SUBJECT.warning("clock", "an hour behind", "timedatectl set-ntp true"),
    SUBJECT.failure("port", LONG, COMMAND, f"or not: {LONG}"),
    SUBJECT.failure("HTTP JSON", SAME),
    SUBJECT.failure("HTTP JSON", "another"),
)


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[\d*m", "", line) for line in lines]


def told(width: int | None, findings: tuple[Finding, ...] = FOUND) -> list[str]:
    report = Report(has_signs=True, width=width)
    return plain([line for one in findings for line in report.lines(one)] + report.ending(findings))


@pytest.mark.parametrize("width", [30, 40, 48, 60, 80, 200])
def test_lines_fit_into_a_terminal_but_for_commands(width: int) -> None:
    """What is not to be copied is wrapped under its own start."""
    lines = told(width)
    assert all(len(line) <= width for line in lines if COMMAND not in line)
    assert [line.strip() for line in lines if COMMAND in line] == [f"→ {COMMAND}"] * 2
    assert "".join(lines).count("telephone") == 4


def test_narrow_terminal_has_what_was_found_beneath_its_check() -> None:
    """Beside it there would be no room."""
    assert told(40)[:3] == ["Environment", "  ✓ proxy", "    none in between"]
    assert told(80)[:2] == ["Environment", "  ✓ proxy         none in between"]


def test_ending_has_what_to_do_first() -> None:
    """The repair of the first failure; where nothing has failed, of the first warning."""
    assert told(None)[-3:] == [
        f"Likeliest cause (port): {LONG}. Then look at: HTTP JSON.",
        f"→ {COMMAND}",
        f"→ or not: {LONG}",
    ]
    assert told(None, FOUND[:2])[-2:] == [
        "Nothing is broken. Worth a look (clock): an hour behind.",
        "→ timedatectl set-ntp true",
    ]
    assert told(None, FOUND[:1])[-1] == conclusion(FOUND[:1]) == "All is well: what you send becomes a page."
