"""How to have content recorded, for the reader of a trace that has none: by the instrumentation that made it."""

from __future__ import annotations

from collections.abc import Iterator

from tracen_otel.dialects import DIALECTS, CaptureSwitch, Where, capture_switches
from viewer.contexts import Switch
from viewer.outline import Outline

_COMMON = ("OpenTelemetry GenAI", "OpenLLMetry", "OpenInference")
"""Named where nothing tells whose spans they are."""
_WHERE = {
    Where.ENVIRONMENT: "in its environment",
    Where.CONFIGURATION: "in its configuration",
    Where.CODE: "in its code",
}


def switches_of(outline: Outline) -> tuple[Switch, ...]:
    """What to set, for the dialects of the trace's steps; the commonest where they have no switch."""
    told = capture_switches(outline.dialects) or capture_switches(_COMMON)
    return tuple(_switches(told))


def _switches(told: list[tuple[str, tuple[CaptureSwitch, ...]]]) -> Iterator[Switch]:
    for name, switches in told:
        for switch in switches:
            yield Switch(name, switch.setting, _WHERE[switch.where], switch.note)


assert {dialect.name for dialect in DIALECTS} >= set(_COMMON)  # noqa: S101 - a renamed dialect is seen at once
