"""One run, from where its spans go to what came of it."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.asking import ServerError
from bridge.running.arrivals import MAX_LOOKED_AT, MAX_TOLD, settled, told_traces
from bridge.running.child import Ending, children_waited_for, run_child
from bridge.running.environment import environment_of
from bridge.running.executable import path_of
from bridge.running.languages import advice, launcher_of
from bridge.running.notes import findings, left_behind
from bridge.running.place import Place, Wanted, place_for
from bridge.running.reasons import Evidence, missing_packages, reasons
from bridge.running.strangers import strangers_at

logger = logging.getLogger("tracen.running")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the program ended, the traces that came, oldest first, and how many they are.

    `remarks` say why there are none, or what could be seen besides. `left` are processes that it left behind.
    `error`: what kept us from asking.
    """

    ending: Ending
    traces: tuple[dict[str, Any], ...] = ()
    total: int = 0
    remarks: tuple[str, ...] = ()
    left: tuple[int, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended, while the server is still there."""

    outcome: Outcome
    place: Place


@contextmanager
def ran(words: Sequence[str], wanted: Wanted, *, instruments: bool, tells_all: bool) -> Iterator[Ran]:
    """Run a program, and hold the server for the length of the block. Raises NotStarted and NoPlace."""
    path = path_of(words[0], os.environ)
    with (
        children_waited_for(),
        place_for(wanted, _label(words)) as place,
        tempfile.TemporaryDirectory(prefix="tracen-run-", ignore_cleanup_errors=True) as folder,
    ):
        told = environment_of(os.environ, place.destination, folder, instruments=instruments)
        for name in told.overridden:
            logger.debug("%s is not what it was: spans would go elsewhere", name)
        strangers = strangers_at(place.server)
        ending = run_child(path, words, told.variables)
        logger.debug("%s ended: %s", words[0], ending.told())
        left = tuple(left_behind(Path(folder)))
        place.keep_key(bool(left))
        try:
            arrivals = settled(place, goes_on=bool(left))
            left = tuple(pid for pid in left_behind(Path(folder)) if pid in left)  # others were about to end
            place.keep_key(bool(left))
            traces = told_traces(place, arrivals, MAX_TOLD if tells_all else MAX_LOOKED_AT)
        except ServerError as error:
            yield Ran(Outcome(ending, left=left, error=str(error)), place)
            return
        launcher = launcher_of(words, path)
        evidence = Evidence(
            launcher,
            ending,
            place.destination,
            told.variables,
            arrivals.requests,
            strangers_at(place.server) - strangers,
            findings(Path(folder)),
            instruments,
            tuple(advice(words, launcher, os.environ, place.destination, Path.cwd())),
        )
        remarks = missing_packages(evidence.findings, launcher) if traces else reasons(evidence)
        yield Ran(Outcome(ending, tuple(traces), len(arrivals.trace_ids), tuple(remarks), left), place)


def _label(words: Sequence[str]) -> str:
    """What a key is called: the program, and a script that it runs. Further words may be secrets."""
    script = [
        os.path.basename(word) for word in words[1:2] if not word.startswith("-") and Path(word).is_file()
    ]
    return " ".join(["tracen run", os.path.basename(words[0]), *script])[:60]
