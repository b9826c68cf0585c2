"""How to have content recorded, for the reader of a trace that has none: by the instrumentation that made it."""

from __future__ import annotations

from tracen_otel.dialects import DIALECTS, CaptureSwitch, Where, capture_switches
from viewer.contexts import Setting, Switch
from viewer.timeline.outline import Outline

_COMMON = ("OpenTelemetry GenAI", "OpenLLMetry", "OpenInference")
"""Named where nothing tells whose spans they are."""
_WHERE = {
    Where.ENVIRONMENT: "",
    Where.CONFIGURATION: "In its configuration. ",
    Where.CODE: "In its code. ",
}


def switches_of(outline: Outline) -> tuple[Switch, ...]:
    """What to set, for the dialects of the trace's steps; the commonest where they have no switch."""
    told = capture_switches(outline.dialects, outline.scopes) or capture_switches(_COMMON)
    return tuple(Switch(name, tuple(map(_setting, switches))) for name, switches in told)


def _setting(switch: CaptureSwitch) -> Setting:
    return Setting(switch.setting, (_WHERE[switch.where] + switch.note).strip())


assert {dialect.name for dialect in DIALECTS} >= set(_COMMON)  # noqa: S101 - a renamed dialect is seen at once
