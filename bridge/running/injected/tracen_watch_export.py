"""Exports our provider's spans so that a program does not notice: no words on its stderr, no long wait at its end."""

from __future__ import annotations

import logging
import threading

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

TYPE_CHECKING = False  # typing itself takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

    from tracen_watch_notes import Notes  # type: ignore[import-not-found]

_SPEAKERS = ("opentelemetry.", "urllib3", "requests")


def quiet_processor(exporter: Any, notes: Notes) -> BatchSpanProcessor:
    """What sends spans in batches; what goes wrong is noted."""
    return _Processor(_Exporter(exporter, notes))


class _Processor(BatchSpanProcessor):
    def __init__(self, exporter: _Exporter) -> None:
        super().__init__(exporter)
        self._quiet = exporter

    def shutdown(self) -> None:
        self._quiet.is_ending = True
        with self._quiet.silence:
            super().shutdown()  # type: ignore[no-untyped-call]


class _Exporter(SpanExporter):
    """`is_ending`: after one batch that nobody took, the others are given up."""

    def __init__(self, exporter: Any, notes: Notes) -> None:
        self.silence = _Silence()
        self.is_ending = False
        self._exporter = exporter
        self._notes = notes
        self._failed = False

    def export(self, spans: Any) -> SpanExportResult:
        if self._failed and self.is_ending:
            return SpanExportResult.FAILURE
        try:
            with self.silence:
                result: SpanExportResult = self._exporter.export(spans)
        except Exception as error:
            self._notes.tell("failed", type(error).__name__)
            result = SpanExportResult.FAILURE
        self._failed = result is not SpanExportResult.SUCCESS
        if self._failed:
            self._notes.tell("failed", "export")
        return result

    def shutdown(self) -> None:
        with self.silence:
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))


class _Silence(logging.Filter):
    """Drops what is logged by the threads that are within it; what others log with the same loggers is theirs."""

    def __init__(self) -> None:
        super().__init__()
        self._threads: list[int] = []

    def __enter__(self) -> None:
        self._threads.append(threading.get_ident())
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if name.startswith(_SPEAKERS) and isinstance(logger, logging.Logger):
                logger.addFilter(self)

    def __exit__(self, *about: object) -> None:
        self._threads.remove(threading.get_ident())

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread not in self._threads
