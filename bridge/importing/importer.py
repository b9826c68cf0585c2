"""Exports to a Tracen: each file is read, sent as it is read, and accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bridge.asking import Server
from bridge.importing.reading import Reading, UnknownFormat
from bridge.importing.source import Source
from bridge.importing.spans import Skipped
from bridge.sending import MAX_BODY_BYTES, Batch, Sender

_MAX_REASONS = 100
_OTHER = "other reasons"

Progress = Callable[[int, int], None]
"""Told how many bytes of a file were read, of how many; 0 where that is not known."""


@dataclass(slots=True)
class Account:
    """What became of the files. `trace_ids` are OTel's, in the order in which they were first seen."""

    trace_ids: dict[str, None] = field(default_factory=dict)
    spans: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Records, and files as a whole, by the reason."""
    formats: set[str] = field(default_factory=set)

    def skip(self, reason: str, count: int = 1) -> None:
        """Note that something was left out; of very many reasons the later ones are one."""
        known = reason if reason in self.skipped or len(self.skipped) < _MAX_REASONS else _OTHER
        self.skipped[known] = self.skipped.get(known, 0) + count


class Import:
    """One run. Without a sender everything is read and nothing is sent."""

    def __init__(self, sender: Sender | None) -> None:
        self._sender = sender
        self._batch = Batch()
        self.account = Account()

    def read(self, names: Iterable[str], progress: Progress) -> Iterator[tuple[str, str]]:
        """Take the files in; yield each complaint, with the file's name. Raises ServerError.

        A file that can not be read, or is of no known format, is a complaint too: the others are taken.
        """
        for name in names:
            try:
                for complaint in self._read(name, progress):
                    yield name, complaint
            except OSError as error:
                reason = error.strerror or str(error)
                self.account.skip(reason)
                yield name, reason
            except UnknownFormat as error:
                self.account.skip(error.reason)
                yield name, str(error)
        self._send()

    def _read(self, name: str, progress: Progress) -> Iterator[str]:
        source = Source(name)
        try:
            reading = Reading(source)
            for item in reading.items():
                progress(source.position, source.size)
                if isinstance(item, Skipped):
                    self.account.skip(item.reason.split(", in what begins")[0])
                    yield _told(item)
                    continue
                try:
                    self._batch.add(item.resource, item.scope, item.span)
                except (RecursionError, ValueError):
                    self.account.skip("nests too deep")
                    yield "a span nests too deep to be sent"
                    continue
                self.account.spans += 1
                self.account.trace_ids.setdefault(item.trace_id.lower())
                if self._batch.size >= MAX_BODY_BYTES:
                    self._send()
            self.account.formats |= reading.formats
            if reading.is_blank:
                yield "nothing in it"
        finally:
            source.close()

    def _send(self) -> None:
        batch, self._batch = self._batch, Batch()
        if self._sender:
            self._sender.send(batch)


def _told(skipped: Skipped) -> str:
    place = f"line {skipped.line:,}" + (f" (byte {skipped.byte:,})" if skipped.byte is not None else "")
    return f"{place}: {skipped.reason}"


def pages(server: Server, trace_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Each trace with the page it has. Raises ServerError."""
    for trace_id in trace_ids:
        answer = server.ask("GET", f"/api/traces/by-otel/{trace_id}")
        if answer.status == 200:  # one whose spans were all refused has none
            told = answer.json()
            yield {"otel_trace_id": trace_id, "trace_id": told["trace_id"], "url": told["url"]}
