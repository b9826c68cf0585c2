"""What befalls the traces of a program, as data: spans that end, time, and how the server answers.

`exporting.py` has it happen. Traces are numbers from 0; spans are numbered as they end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hypothesis import strategies as st


class Kind(Enum):
    """Where a span stands in what its process does."""

    ROOT = "the root of the trace; a second one of the same trace is a child"
    CHILD = "below the root, which may end before or after it"
    REMOTE = "called from another process: its end ends what this one does, for now"


class Weather(Enum):
    """What becomes of one request."""

    FAIR = "it is answered"
    LOST = "the server keeps it, and the answer is lost"
    CLOSED = "nothing accepts connections"
    BUSY = "503, come back in two seconds"
    LIMITED = "429, come back in half an hour"
    BAD_GATEWAY = "502, without a word on when"
    KILLED = "the program is killed while it waits for the answer, which the server has sent"


@dataclass(frozen=True)
class Ended:
    """A span that ended."""

    trace: int
    kind: Kind
    chars: int = 10


@dataclass(frozen=True)
class Batch:
    """Spans handed over together."""

    spans: tuple[Ended, ...]


@dataclass(frozen=True)
class Answer:
    """How the next request fares, and what other threads hand over before it is answered."""

    weather: Weather
    meanwhile: tuple[Ended, ...] = ()


@dataclass(frozen=True)
class Pass:
    """Time goes by, then the sender looks."""

    seconds: float


@dataclass(frozen=True)
class Flush:
    """The program calls `force_flush`."""


@dataclass(frozen=True)
class Limit:
    """The server takes bodies of so many bytes from now on (None: of any size)."""

    max_bytes: int | None


@dataclass(frozen=True)
class Reserve:
    """Somebody asks for the URL of a trace before it has ended."""

    trace: int


@dataclass(frozen=True)
class Restart:
    """The program ends, in order or killed, and is started again."""

    killed: bool


Fate = Batch | Answer | Pass | Flush | Limit | Reserve | Restart

TRACES = 4
SMALL, LARGE = 10, 4_000
_TRACES = st.integers(0, TRACES - 1)
_ENDED = st.builds(Ended, _TRACES, st.sampled_from(Kind), st.sampled_from([SMALL, SMALL, LARGE]))
_BATCHES = st.builds(Batch, st.lists(_ENDED, min_size=1, max_size=5).map(tuple))
_SURVIVED = [weather for weather in Weather if weather is not Weather.KILLED]
_ORDINARY = _BATCHES | st.builds(Pass, st.sampled_from([0.5, 5.0, 70.0, 400.0])) | st.just(Flush())


def answers(*, killed: bool) -> st.SearchStrategy[Answer]:
    """Answers of any weather; after a batch that came meanwhile, as a thread has its moments."""
    weather = st.sampled_from(list(Weather) if killed else _SURVIVED)
    return st.builds(Answer, weather, st.lists(_ENDED, max_size=2).map(tuple))


def fates(
    *, restarts: bool = False, limits: bool = False, reserves: bool = True
) -> st.SearchStrategy[list[Fate]]:
    """Sequences of what may befall traces; `restarts` for programs with a spool."""
    one: st.SearchStrategy[Fate] = _ORDINARY | _BATCHES | answers(killed=restarts)
    if reserves:
        one |= st.builds(Reserve, _TRACES)
    if restarts:
        one |= st.builds(Restart, st.booleans())
    if limits:
        # In whole and smallest form a trace of one small step has 1,110 and 927 bytes, of a large one 13,082 and 2,977.
        one |= st.builds(Limit, st.sampled_from([None, 900, 2_500, 6_000]))
    return st.lists(one, max_size=25)
