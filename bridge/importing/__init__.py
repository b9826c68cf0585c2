"""Exports of other tracing systems, read as OTLP spans. See `reading.read`."""
