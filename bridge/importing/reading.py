"""An export of any known format → OTLP spans, and what could not be read of it.

UnknownFormat   nothing in it is of a known format; the message says what was seen
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

from bridge.importing import frames
from bridge.importing.cutting import CUT_OFF, Piece, is_in_lines, pieces_of_document, pieces_of_lines
from bridge.importing.jaeger import Jaeger
from bridge.importing.langfuse import Langfuse
from bridge.importing.otlp import Otlp, pieces_of_protobuf
from bridge.importing.payloads import Payloads
from bridge.importing.phoenix import Phoenix
from bridge.importing.source import Source
from bridge.importing.spans import OtlpSpan, Skipped, Unreadable
from viewer.logs import one_line

KNOWN = (
    "spans of Phoenix (REST, command line, data frames by to_json), traces and observations of Langfuse "
    "(API, page, batch export), Jaeger's traces (page, /api/traces, /api/v3), OTLP requests, and Tracen's payloads; "
    "each as .json or .jsonl, also gzipped"
)
_MAX_NAMES = 8
_MAX_UNLIKE = 1_000
"""Records of no known format that are named."""
_STARTS_OF_JSON = (b"{", b"[")


NO_KNOWN_FORMAT = "of no known format"


class UnknownFormat(ValueError):
    """A file of which nothing is known. `reason`: in which kind it is counted."""

    def __init__(self, told: str, reason: str = NO_KNOWN_FORMAT) -> None:
        super().__init__(told)
        self.reason = reason


class Format(Protocol):
    """An exporting system."""

    @property
    def name(self) -> str: ...

    def knows(self, piece: Piece) -> bool:
        """Tell a record of this format by its fields."""
        ...

    def spans(self, piece: Piece) -> Iterator[OtlpSpan]:
        """The spans that this record completes. Raises Unreadable; then it costs itself alone."""
        ...

    def rest(self) -> Iterator[OtlpSpan]:
        """The spans of what was not completed, at the end."""
        ...


class Reading:
    """One file as it is read. `formats`: the names of those that were found in it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: tuple[Format, ...] = (Otlp(), Jaeger(), Phoenix(), Langfuse(), Payloads())
        self.formats: set[str] = set()
        self.is_blank = False
        """It was an export, of nothing."""
        self._seen = ""
        self._unlike: list[Skipped] = []

    def items(self) -> Iterator[OtlpSpan | Skipped]:
        """Spans as they come, and records that are left out. Raises UnknownFormat at the end of a file of neither."""
        has_pieces = is_cut_off = False
        is_blank = self._source.head.lstrip().startswith(_STARTS_OF_JSON)
        for piece in _pieces(self._source):
            if isinstance(piece, Skipped):
                is_blank, is_cut_off = False, piece.reason.startswith(CUT_OFF)
                yield piece
                continue
            has_pieces = True
            is_blank = is_blank and not piece.value
            yield from self._read(piece)
        yield from chain.from_iterable(told.rest() for told in self._known)
        if self._source.fault:
            yield Skipped(self._source.line, self._source.fault, self._source.byte)
        self.is_blank = is_blank and not self._source.fault
        if not self.formats and not self.is_blank:
            if is_cut_off and not has_pieces:
                return  # which was told, and is all that is known
            raise self._unknown(has_pieces)
        if not self.is_blank:
            yield from self._taken_unlike()

    def _read(self, piece: Piece) -> Iterator[OtlpSpan | Skipped]:
        told = next((told for told in self._known if told.knows(piece)), None)
        if told is None:
            self._seen = self._seen or f"is an object with {_names(piece.value)}"
            if not piece.parts and len(self._unlike) < _MAX_UNLIKE:
                self._unlike.append(
                    Skipped(piece.line, f"is of no known format: it has {_names(piece.value)}")
                )
            return
        self.formats.add(told.name)
        yield from self._taken_unlike()
        try:
            yield from told.spans(piece)
        except (Unreadable, RecursionError) as error:
            yield Skipped(piece.line, str(error) if isinstance(error, Unreadable) else "nests too deep")
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            # Fields of other types than its system writes: what that breaks differs with each.
            yield Skipped(piece.line, f"its fields are not as {told.name} writes them")

    def _taken_unlike(self) -> list[Skipped]:
        """Records of no known format, in a file that has others: without those, the file as a whole is none."""
        unlike, self._unlike = self._unlike, []
        return unlike

    def _unknown(self, has_pieces: bool) -> UnknownFormat:
        if not self._source.head.strip():
            return UnknownFormat("it is empty", "empty")
        is_json = self._source.head.lstrip().startswith(_STARTS_OF_JSON)
        seen = self._seen if has_pieces else "has no whole object" if is_json else "is not JSON"
        return UnknownFormat(f"{NO_KNOWN_FORMAT}: it {seen}")


def _pieces(source: Source) -> Iterable[Piece | Skipped]:
    head = source.head.lstrip()
    if not head:
        return ()
    if not head.startswith(_STARTS_OF_JSON):
        return pieces_of_protobuf(source)
    if is_in_lines(source.name, head):
        return pieces_of_lines(source)
    if written := frames.orientation(head):
        return frames.rows(source, written)
    return pieces_of_document(source)


def _names(value: dict[str, object]) -> str:
    """The first fields of an object, which may be anybody's words."""
    names = [one_line(str(name))[:40] for name in value]
    told = ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")
    return f"the fields {told}" if told else "no fields"
