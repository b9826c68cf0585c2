"""TracenSpanExporter: the SDK's side of publishing traces, with its settings.

Lives in other people's programs: after construction nothing here raises, and nothing waits for the
network except `force_flush` and `shutdown`, which are bounded.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tracen_otel.client import PublishedTrace, TracenClient, checked_endpoint, checked_key
from tracen_otel.outbox import Outbox
from tracen_otel.pending import Bounds, PendingTraces
from tracen_otel.publisher import Publisher
from tracen_otel.tally import Counts, Tally

DEFAULT_ENDPOINT = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 10.0
MAX_SHUTDOWN_S = 5.0
_MAX_URLS = 1000

_logger = logging.getLogger("tracen_otel")
_T = TypeVar("_T")


class TracenSpanExporter(SpanExporter):
    """Publishes each trace as a page when its local root has ended, and tells the page's URL.

    endpoint: the Tracen server (`TRACEN_ENDPOINT`; default http://127.0.0.1:8000).
    key: `tracen_sk_…` (`TRACEN_KEY`). Without one the exporter warns once and does nothing.
    on_url: called with the PublishedTrace of each page, on the exporter's own thread.
    only: "llm" (default): traces in which a model, an agent or a tool was at work; "all" (`TRACEN_ONLY`).
    timeout: seconds for one post with its retries (`TRACEN_TIMEOUT`; default 10).
    extended: False sends the documented payload fields alone; then late spans can not join their page.

    Raises ValueError for a wrong argument; a wrong environment variable is a warning.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        key: str | None = None,
        on_url: Callable[[PublishedTrace], object] | None = None,
        only: Literal["llm", "all"] | None = None,
        timeout: float | None = None,
        extended: bool = True,
    ) -> None:
        self._endpoint = _setting(endpoint, "TRACEN_ENDPOINT", checked_endpoint, DEFAULT_ENDPOINT)
        self._key = _setting(key, "TRACEN_KEY", checked_key, None)
        self._llm_only = _setting(only, "TRACEN_ONLY", _checked_only, "llm") == "llm"
        self._timeout_s = _setting(timeout, "TRACEN_TIMEOUT", _checked_timeout, DEFAULT_TIMEOUT_S)
        self._extended = extended
        self._on_url = on_url
        self._closed = False
        self._url_by_trace: dict[str, str] = {}
        self._delivery_by_pid: dict[int, _Delivery] = {}
        if self._key is None:
            _logger.warning("no Tracen key (argument key, or TRACEN_KEY): traces are not published")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take spans that ended. FAILURE after `shutdown`."""
        if self._closed:
            return SpanExportResult.FAILURE
        if self._key is None:
            return SpanExportResult.SUCCESS
        try:
            taken = self._delivery(self._key).outbox.add(spans)
        except Exception as error:  # the outer wall: whatever it is, the user's program goes on
            _logger.warning("a batch of spans is lost: %s in the exporter", type(error).__name__)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Publish every trace whose root has ended and wait for it; False when some are still not out.

        Answers before the time is up where the server has asked for a pause or does not answer.
        """
        delivery = self._delivery_by_pid.get(os.getpid())
        return delivery is None or delivery.outbox.drain(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = MAX_SHUTDOWN_S * 1000) -> None:
        """Publish what is held, unfinished traces too, for at most 5 seconds; `export` fails from now on."""
        self._closed = True
        delivery = self._delivery_by_pid.get(os.getpid())
        if delivery is not None:
            delivery.outbox.close(min(timeout_millis / 1000, MAX_SHUTDOWN_S))
            delivery.client.close()

    def url(self, otel_trace_id: str | int) -> str | None:
        """Answer the page of an OTel trace id (an int, or 32 hex digits) that was published lately."""
        wanted = f"{otel_trace_id:032x}" if isinstance(otel_trace_id, int) else otel_trace_id.lower()
        return self._url_by_trace.get(wanted)

    @property
    def counts(self) -> Counts:
        """What was published, skipped, tried again and dropped in this process."""
        delivery = self._delivery_by_pid.get(os.getpid())
        return delivery.counts() if delivery else Counts()

    def _delivery(self, key: str) -> _Delivery:
        """Answer what delivers for this process, made when it is first needed.

        No lock, as a fork may have copied one that is held; `setdefault` lets one of two threads win, and the
        other's has no thread and no socket yet.
        """
        pid = os.getpid()
        delivery = self._delivery_by_pid.get(pid)
        if delivery is None:
            delivery = self._delivery_by_pid.setdefault(pid, self._new_delivery(key))
            for other in [
                p for p in self._delivery_by_pid if p != pid
            ]:  # the parent's spans are the parent's
                self._delivery_by_pid.pop(other, None)
        return delivery

    def _new_delivery(self, key: str) -> _Delivery:
        stopping = threading.Event()
        tally = Tally()
        client = TracenClient(self._endpoint, key, self._timeout_s, pause=stopping.wait)
        publisher = Publisher(client, tally.drop, llm_only=self._llm_only, extended=self._extended)
        pending = PendingTraces(Bounds(), tally.drop, republish=self._extended)
        outbox = Outbox(
            pending, tally, publisher.publish, self._tell, timeout_s=self._timeout_s, stopping=stopping
        )
        return _Delivery(outbox, client, tally)

    def _tell(self, published: PublishedTrace) -> None:
        """Log a page's URL, remember it and hand it to `on_url`."""
        otel_trace_id = published.otel_trace_id or ""
        known = self._url_by_trace.pop(otel_trace_id, None)
        self._url_by_trace[otel_trace_id] = published.url
        if len(self._url_by_trace) > _MAX_URLS:
            del self._url_by_trace[next(iter(self._url_by_trace))]
        if known == published.url:
            return  # late spans joined their page; its URL was told
        _logger.info("trace %s: %s", otel_trace_id, published.url)
        if self._on_url is not None:
            try:
                self._on_url(published)
            except (
                Exception
            ):  # the callback is the user's; its failure is theirs to see and not ours to die of
                _logger.exception("on_url failed for trace %s", otel_trace_id)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What publishes the traces of one process."""

    outbox: Outbox
    client: TracenClient
    tally: Tally

    def counts(self) -> Counts:
        counts = self.tally.counts()
        return replace(counts, retries=counts.retries + self.client.retries)


def _setting(argument: object, variable: str, checked: Callable[..., _T], default: _T) -> _T:
    """The argument, else the environment variable, else the default; one that is empty counts as absent."""
    if argument is not None:
        return checked(argument)
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        return checked(text)
    except ValueError as error:
        _logger.warning("%s is not used: %s", variable, error)
        return default


def _checked_only(only: str) -> str:
    if only not in ("llm", "all"):
        raise ValueError(f'only: expected "llm" or "all", got {only[:40]!r}')
    return only


def _checked_timeout(timeout: float | str) -> float:
    try:
        timeout_s = float(timeout)
    except ValueError:
        timeout_s = 0.0
    if not 0 < timeout_s <= 3600:
        raise ValueError(
            f"timeout: expected seconds, more than 0 and at most 3600, got {str(timeout)[:40]!r}"
        )
    return timeout_s
