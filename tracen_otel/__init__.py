"""Share what an LLM agent did: OpenTelemetry spans in, the URL of a readable page out.

The public names are imported when they are first asked for: the service reads spans with this
package's modules and wants neither the SDK nor an HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracen_otel.exporter import TracenSpanExporter
    from tracen_otel.published import PublishedTrace
    from tracen_otel.tally import Counts
    from tracen_otel.tracing import Tracing, setup, trace_url

__version__ = "0.1.0"
__all__ = ["Counts", "PublishedTrace", "TracenSpanExporter", "Tracing", "__version__", "setup", "trace_url"]

_MODULE_BY_NAME = {
    "Counts": "tracen_otel.tally",
    "PublishedTrace": "tracen_otel.published",
    "TracenSpanExporter": "tracen_otel.exporter",
    "Tracing": "tracen_otel.tracing",
    "setup": "tracen_otel.tracing",
    "trace_url": "tracen_otel.tracing",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULE_BY_NAME[name]), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
