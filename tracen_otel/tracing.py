"""One line for a program without OpenTelemetry: `tracing = tracen_otel.setup()`. And the URL of the current trace.

Composes the SDK's provider and batch processor, TracenSpanExporter, and the instrumentations that are installed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from re import Pattern
from typing import Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tracen_otel import exporter as exporters
from tracen_otel.exporter import TracenSpanExporter
from tracen_otel.instrumentations import record_content, switch_on
from tracen_otel.published import PublishedTrace
from tracen_otel.readable import is_local_root

URL_ATTRIBUTE = "tracen.url"
"""Set on the root span as soon as the page's URL is known, for whoever else is sent the span."""
_MAX_ROOTS = 1000

_logger = logging.getLogger("tracen_otel")


@dataclass(frozen=True, slots=True)
class Tracing:
    """What `setup` has set up.

    `provider` is OTel's, the program's own where it had one; `exporter` publishes its traces; `instrumented` names the
    instrumentations that are switched on.
    """

    provider: TracerProvider
    exporter: TracenSpanExporter
    instrumented: tuple[str, ...]

    @property
    def urls(self) -> list[str]:
        """The URLs of the last pages (at most 1,000) that were published, the newest last."""
        return self.exporter.urls

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Publish every trace that has ended; False when some are not out within `timeout_s` seconds."""
        end_s = time.monotonic() + timeout_s
        is_handed_over = self.provider.force_flush(int(timeout_s * 1000)) is not False
        return self.exporter.force_flush(max(0.0, end_s - time.monotonic()) * 1000) and is_handed_over


_lock = threading.RLock()
_tracing: Tracing | None = None


def setup(
    *,
    endpoint: str | None = None,
    key: str | None = None,
    service_name: str | None = None,
    instrument: bool = True,
    on_url: Callable[[PublishedTrace], object] | None = None,
    redact: bool | Callable[[str], str] | Iterable[str | Pattern[str]] | None = None,
    capture_content: bool | None = None,
    only: Literal["llm", "all"] | None = None,
) -> Tracing:
    """Trace this program: a provider, a batch processor, and every GenAI instrumentation that is installed.

    A provider of the SDK that is there already is used, and gets one more processor. Where nothing else says so,
    instrumentations are told to record what is said, which exporters of other makers then get as well, unmasked.
    A second call answers what the first one set up. Settings that are no arguments here (`spool_dir`, `wait`,
    `timeout`, `shutdown_timeout`, `extended`) come from the environment: TRACEN_SPOOL_DIR and so on.

    endpoint, key, on_url, redact, only: as of TracenSpanExporter, from the environment where they are not given.
    service_name: OTel's `service.name` (`OTEL_SERVICE_NAME`) of a provider that is made here.
    instrument: False switches no instrumentation on.
    capture_content: as of TracenSpanExporter; with False instrumentations are not told to record what is said, either.

    Raises ValueError for a wrong argument; a wrong environment variable is a warning.
    """
    global _tracing
    with _lock:
        if _tracing is not None:
            _logger.warning("tracen_otel.setup() was called before; it changes nothing now")
            return _tracing
        exporter = TracenSpanExporter(
            endpoint=endpoint,
            key=key,
            on_url=on_url,
            redact=redact,
            capture_content=capture_content,
            only=only,
        )
        provider = _provider(service_name)
        roots = _RunningRoots(exporter)
        provider.add_span_processor(roots)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        exporter.when_child_ends = provider.shutdown
        # Now already, as others' code runs next, which may fail or call this again.
        _tracing = Tracing(provider, exporter, ())
        if exporter.captures_content:
            record_content()
        if instrument:
            _tracing = Tracing(provider, exporter, switch_on(provider))
        return _tracing


def trace_url(timeout: float = 2.0) -> str | None:
    """Answer the URL that the page of the current span's trace has or will have.

    Asks the server for it if need be, for at most `timeout` seconds. None outside a span, of a trace that is not
    sampled, without an exporter, and where the server does not tell before the trace has ended.
    """
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    end_s = time.monotonic() + timeout
    for exporter in exporters.live_exporters():
        url = exporter.reserve(context.trace_id, max(0.0, end_s - time.monotonic()))
        if url is not None:
            return url
    return None


def _provider(service_name: str | None) -> TracerProvider:
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present
    if not isinstance(present, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        _logger.warning(
            "a tracer provider of another kind (%s) is set: spans go to it", type(present).__name__
        )
    resource = Resource.create({"service.name": service_name} if service_name else {})
    provider = TracerProvider(resource=resource)
    trace.set_tracer_provider(provider)
    return provider


class _RunningRoots(SpanProcessor):
    """Shows the exporter spans as they start, and writes the page's URL on the root span that still runs."""

    def __init__(self, exporter: TracenSpanExporter) -> None:
        self._exporter = exporter
        self._root_by_trace: dict[str, Span] = {}
        exporter.on_known = self.mark

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Remember a root, and have the page of its trace reserved if it will have one."""
        if is_local_root(span):
            self._root_by_trace[f"{span.context.trace_id:032x}"] = span
            while len(self._root_by_trace) > _MAX_ROOTS:
                self._root_by_trace.pop(next(iter(self._root_by_trace)), None)
        self._exporter.see((span,))

    def on_end(self, span: ReadableSpan) -> None:
        """Forget a root that has ended."""
        if is_local_root(span):
            self._root_by_trace.pop(f"{span.context.trace_id:032x}", None)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """There is nothing to flush. Before SDK 1.42 a provider goes on to its other processors only after True."""
        return True

    def mark(self, otel_trace_id: str, url: str) -> None:
        """Write the URL of a trace on its root."""
        root = self._root_by_trace.get(otel_trace_id)
        if root is not None and root.is_recording():
            root.set_attribute(URL_ATTRIBUTE, url)
