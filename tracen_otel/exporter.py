"""TracenSpanExporter: the SDK's side of publishing traces, with its settings.

Lives in other people's programs: after construction nothing here raises, and nothing waits for the
network except `force_flush`, `shutdown` and what is told to (`wait`), all bounded.
"""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from re import Pattern
from typing import TYPE_CHECKING, Literal

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tracen_otel.children import call_when_child_ends
from tracen_otel.endpoint import checked_endpoint, checked_key
from tracen_otel.readable import is_local_root
from tracen_otel.settings import (
    DEFAULT_ENDPOINT,
    DEFAULT_SHUTDOWN_TIMEOUT_S,
    DEFAULT_TIMEOUT_S,
    checked_bool,
    checked_folder,
    checked_only,
    checked_seconds,
    setting,
)
from tracen_otel.tally import Counts
from tracen_otel.urls import Urls

if TYPE_CHECKING:
    from tracen_otel.delivery import Delivery, Terms
    from tracen_otel.published import PublishedTrace

_logger = logging.getLogger("tracen_otel")

_live: weakref.WeakValueDictionary[int, TracenSpanExporter] = weakref.WeakValueDictionary()


def live_exporters() -> list[TracenSpanExporter]:
    """The exporters of this process that have not been shut down. A copy: others come and go on other threads."""
    exporters = [reference() for reference in _live.valuerefs()]
    return [exporter for exporter in exporters if exporter is not None]


class TracenSpanExporter(SpanExporter):
    """Publishes each trace as a page when its local root has ended, and tells the page's URL.

    endpoint: the Tracen server (`TRACEN_ENDPOINT`; default http://127.0.0.1:8000).
    key: `tracen_sk_…` (`TRACEN_KEY`). Without one the exporter warns once and does nothing.
    on_url: called with the PublishedTrace of each page, on the exporter's own thread.
    redact: True (default) masks keys, tokens and other secrets before anything leaves the process; a callable
        (text to text) or patterns are applied as well; False masks nothing (`TRACEN_REDACT`).
    capture_content: False sends no prompts, answers, arguments, results or error messages
        (`TRACEN_CAPTURE_CONTENT`; default True).
    only: "llm" (default): traces in which a model, an agent or a tool was at work; "all" (`TRACEN_ONLY`).
    wait: seconds that the export of a trace's end may wait for its page, so that the URL is known when
        the root span has ended under a SimpleSpanProcessor, or `provider.force_flush()` has returned
        (`TRACEN_WAIT`; default 0).
    spool_dir: a folder in which spans are kept until they are published, so that a killed program's traces are
        delivered by the next one with this folder, endpoint and key (`TRACEN_SPOOL_DIR`; default none).
    timeout: seconds for one post with its retries (`TRACEN_TIMEOUT`; default 10).
    shutdown_timeout: seconds that `shutdown` may take at most (`TRACEN_SHUTDOWN_TIMEOUT`; default 5).
    extended: False sends the documented payload fields alone; then late spans can not join their page.
        By default that is found out: a server that refuses more gets less (`TRACEN_EXTENDED`).

    Raises ValueError for a wrong argument; a wrong environment variable is a warning.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        key: str | None = None,
        on_url: Callable[[PublishedTrace], object] | None = None,
        redact: bool | Callable[[str], str] | Iterable[str | Pattern[str]] | None = None,
        capture_content: bool | None = None,
        only: Literal["llm", "all"] | None = None,
        wait: float | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        shutdown_timeout: float | None = None,
        extended: bool | None = None,
    ) -> None:
        self._on_url = on_url
        self._wait_s = setting(wait, "TRACEN_WAIT", checked_seconds("wait", zero=True), 0.0)
        self._shutdown_timeout_s = setting(
            shutdown_timeout,
            "TRACEN_SHUTDOWN_TIMEOUT",
            checked_seconds("shutdown_timeout", zero=True),
            DEFAULT_SHUTDOWN_TIMEOUT_S,
        )
        self._terms = _terms(endpoint, key, redact, capture_content, only, spool_dir, timeout, extended)
        self.captures_content: bool = self._terms is None or self._terms.capture_content
        self._urls = Urls()
        self._closed = False
        self._delivery_by_pid: dict[int, Delivery] = {}
        self.when_child_ends: Callable[[], object] | None = None
        """Called when a child of multiprocessing ends, in place of `shutdown`. `setup` flushes the provider then."""
        self.on_known: Callable[[str, str], None] = lambda otel_trace_id, url: None
        """Told the URL of each trace as soon as it is known, on the exporter's thread. `setup` uses it."""
        _live[id(self)] = self

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take spans that ended. FAILURE after `shutdown`. Waits at most `wait` seconds, and by default not.

        Raises nothing. OTel specification, trace/sdk.md, "Span Exporter", `Export`: must not block indefinitely; what
        it answers FAILURE for is dropped, as processors do not try again, so failed posts are tried again in here.
        """
        if self._closed:
            return SpanExportResult.FAILURE
        try:
            delivery = self._delivery()
            if delivery is None:
                return SpanExportResult.SUCCESS
            taken = delivery.take(spans)
            self._after_taking(delivery, spans)
        except Exception as error:  # the outer wall: whatever it is, the user's program goes on
            _logger.warning("a batch of spans is lost: %s in the exporter", type(error).__name__)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Publish every trace whose root has ended and wait for it; False when some are still not out.

        Waits at most `timeout_millis` milliseconds, and answers before the time is up where the server has asked for
        a pause or does not answer. Raises nothing. OTel specification, trace/sdk.md, "Span Exporter", `ForceFlush`:
        tells whether it succeeded, and only to be called where it must be, as before a process is frozen.
        """
        delivery = self._delivery_by_pid.get(os.getpid())
        return delivery is None or delivery.outbox.drain(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Publish what is held, unfinished traces too, for at most `shutdown_timeout`; `export` fails from now on.

        `timeout_millis`: milliseconds that the SDK allows; the shorter time counts. A second call does nothing. Raises
        nothing. OTel specification, trace/sdk.md, "Span Exporter", `Shutdown`: must not block indefinitely.
        """
        self._closed = True
        _live.pop(id(self), None)
        delivery = self._delivery_by_pid.get(os.getpid())
        if delivery is not None:
            allowed_s = self._shutdown_timeout_s
            if timeout_millis is not None:
                allowed_s = min(allowed_s, timeout_millis / 1000)
            if left := delivery.close(allowed_s):
                _logger.warning("%d spans stay in the spool for the next run", left)

    def url(self, otel_trace_id: str | int) -> str | None:
        """Answer the page of an OTel trace id (an int, or 32 hex digits), of the last 1,000 published or reserved."""
        wanted = f"{otel_trace_id:032x}" if isinstance(otel_trace_id, int) else otel_trace_id.lower()
        return self._urls.of(wanted)

    @property
    def urls(self) -> list[str]:
        """The URLs of the last pages (at most 1,000) that were published, the newest last."""
        return self._urls.published

    @property
    def counts(self) -> Counts:
        """What was published, skipped, tried again and dropped in this process."""
        delivery = self._delivery_by_pid.get(os.getpid())
        return delivery.counts() if delivery else Counts()

    def reserve(self, otel_trace_id: int, timeout: float = 2.0) -> str | None:
        """Answer the URL that a trace has or will have, asked of the server if need be, within `timeout` seconds.

        None where it can not be had. The trace is then published, whatever is at work in it.
        """
        try:
            delivery = None if self._closed else self._delivery()
            if delivery is None:
                return None
            delivery.ask_for(otel_trace_id)
            known = self.url(otel_trace_id)
            if known is not None:
                return known
            delivery.reservations.ask(otel_trace_id, min(timeout, delivery.timeout_s))
            return self.url(otel_trace_id)
        except Exception as error:  # the outer wall: the page may still come to be when the trace ends
            _logger.warning("no page is reserved: %s in the exporter", type(error).__name__)
            return None

    def see(self, spans: Iterable[ReadableSpan]) -> None:
        """Have the pages of these spans' traces reserved, of those that go on and will have one. Does not wait."""
        try:
            delivery = None if self._closed else self._delivery()
            if delivery is None:
                return
            contexts = ((span, span.get_span_context()) for span in spans)
            unknown = [span for span, context in contexts if context and not self._is_known(context.trace_id)]
            if unknown:
                delivery.reservations.see(unknown)
        except Exception as error:  # the outer wall: this runs where a user's span starts
            _logger.warning("no page is reserved: %s in the exporter", type(error).__name__)

    # -- inside ---------------------------------------------------------------------------------------

    def _after_taking(self, delivery: Delivery, spans: Sequence[ReadableSpan]) -> None:
        """Wait for the pages of traces that ended, if that is wanted; have those of others reserved."""
        told = [span for span in spans if isinstance(span, ReadableSpan) and span.context]
        ended = {span.context.trace_id for span in told if is_local_root(span)}
        going_on = [span for span in told if span.context.trace_id not in ended]
        if going_on:
            self.see(going_on)
        if self._wait_s and ended:
            delivery.outbox.settle(ended, min(self._wait_s, delivery.timeout_s))

    def _is_known(self, trace_id: int) -> bool:
        return self._urls.of(f"{trace_id:032x}") is not None

    def _delivery(self) -> Delivery | None:
        """Answer what delivers for this process, made when it is first needed; None without a key.

        No lock, as a fork may have copied one that is held; `setdefault` lets one of two threads win, and the
        other's has no thread and no socket yet.
        """
        if self._terms is None:
            return None
        pid = os.getpid()
        delivery = self._delivery_by_pid.get(pid)
        if delivery is None:
            from tracen_otel.delivery import new_delivery

            made = new_delivery(self._terms, self._published, self._reserved, self._is_known)
            delivery = self._delivery_by_pid.setdefault(pid, made)
            if delivery is made:
                call_when_child_ends(self.when_child_ends or self.shutdown)
            for other in [p for p in self._delivery_by_pid if p != pid]:
                self._delivery_by_pid.pop(other, None)  # the parent's spans are the parent's
        return delivery

    def _reserved(self, reserved: PublishedTrace) -> None:
        self._urls.reserve(reserved)
        self.on_known(reserved.otel_trace_id or "", reserved.url)

    def _published(self, published: PublishedTrace) -> None:
        """Log a page's URL, remember it and hand it to `on_url`; once, as late spans join their page."""
        if not self._urls.publish(published):
            return
        _logger.info("trace %s: %s", published.otel_trace_id, published.url)
        if self._on_url is not None:
            try:
                self._on_url(published)
            except KeyboardInterrupt:
                raise
            except (
                BaseException
            ):  # it is the user's; its failure, or exit, is theirs to see and not ours to die of
                _logger.exception("on_url failed for trace %s", published.otel_trace_id)


def _terms(
    endpoint: object,
    key: object,
    redact: bool | Callable[[str], str] | Iterable[str | Pattern[str]] | None,
    capture_content: object,
    only: object,
    spool_dir: object,
    timeout: object,
    extended: object,
) -> Terms | None:
    """Check the arguments, or what stands for them in the environment; None without a key.

    Imports what delivers on the thread that makes the exporter: a fork amid an import on another one leaves the child
    with half a module, or waiting for the other half, for ever.
    """
    from tracen_otel.client import import_transport
    from tracen_otel.delivery import Terms
    from tracen_otel.redact import Redaction

    checked_redact = checked_bool("redact")
    terms = Terms(
        endpoint=setting(endpoint, "TRACEN_ENDPOINT", checked_endpoint, DEFAULT_ENDPOINT, wrong=""),
        key=setting(key, "TRACEN_KEY", checked_key, ""),
        redaction=Redaction(
            redact if redact is not None else setting(None, "TRACEN_REDACT", checked_redact, True)
        ),
        capture_content=setting(
            capture_content, "TRACEN_CAPTURE_CONTENT", checked_bool("capture_content"), True, wrong=False
        ),
        llm_only=setting(only, "TRACEN_ONLY", checked_only, "llm") == "llm",
        spool_dir=setting(spool_dir, "TRACEN_SPOOL_DIR", checked_folder, None),
        extended=setting(extended, "TRACEN_EXTENDED", checked_bool("extended"), None),
        timeout_s=setting(timeout, "TRACEN_TIMEOUT", checked_seconds("timeout"), DEFAULT_TIMEOUT_S),
    )
    if not terms.key:
        _logger.warning("no Tracen key (argument key, or TRACEN_KEY): traces are not published")
        return None
    if not terms.endpoint:
        _logger.warning("no Tracen endpoint: traces are not published")
        return None
    import_transport()
    return terms
