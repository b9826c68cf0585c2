"""Captured OTLP requests on disk, as spans and log records."""

from __future__ import annotations

from pathlib import Path

from tracen_otel.model import LogRecord, Span
from tracen_otel.otlp import Encoding, decode_logs, decode_spans

CAPTURES = Path(__file__).parents[1] / "captures"
"""Cases of our own: requests, logs and `expected.json`."""
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
"""Several hundred captures of real programs; beside the checkout where it is there at all."""


def spans_in(folder: Path) -> list[Span]:
    """The spans of all requests in a folder, in order of arrival."""
    return [s for f in sorted(folder.glob("request-*")) for s in decode_spans(f.read_bytes(), _encoding(f))]


def logs_in(folder: Path) -> list[LogRecord]:
    """The log records beside them."""
    return [r for f in sorted(folder.glob("logs-*")) for r in decode_logs(f.read_bytes(), _encoding(f))]


def _encoding(file: Path) -> Encoding:
    return Encoding.JSON if file.suffix == ".json" else Encoding.PROTOBUF
