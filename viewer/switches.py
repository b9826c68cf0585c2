"""How to have content recorded, for the reader of a trace that has none: by the instrumentation that made it."""

from __future__ import annotations

from viewer.contexts import Switch
from viewer.outline import Outline

_COMMON = (
    Switch("OpenTelemetry GenAI", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true", ""),
    Switch("OpenLLMetry", "TRACELOOP_TRACE_CONTENT=true", ""),
    Switch("OpenInference", "OPENINFERENCE_HIDE_INPUTS=false", ""),
)


def switches_of(outline: Outline) -> tuple[Switch, ...]:
    return _COMMON
