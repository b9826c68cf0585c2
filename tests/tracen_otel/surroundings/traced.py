"""A program's tracing, made at import as applications make it: under a preloading server, in the parent.

TEST_PROCESSOR chooses the span processor.
"""

from __future__ import annotations

import os
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from tracen_otel import TracenSpanExporter

exporter = TracenSpanExporter()
provider = TracerProvider()
processor_type = {"batch": BatchSpanProcessor, "simple": SimpleSpanProcessor}[os.environ["TEST_PROCESSOR"]]
provider.add_span_processor(processor_type(exporter))
tracer = provider.get_tracer("surroundings")


def run_agent(name: str) -> None:
    """One trace of three spans, each with `name` in its own."""
    with tracer.start_as_current_span(f"agent {name}", attributes={"openinference.span.kind": "AGENT"}):
        for kind in ("LLM", "TOOL"):
            with tracer.start_as_current_span(f"{kind} {name}", attributes={"openinference.span.kind": kind}):
                time.sleep(0.005)


def flush() -> bool:
    """What a program does before it is stopped without notice."""
    provider.force_flush()
    return exporter.force_flush()


if "TEST_PARENT_WORKS" in os.environ:
    run_agent("parent")
