"""kill -9 at random moments, round after round, on one store."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import TracenProcess, start_tracen
from tests.torture.senders import Score, Sender, Sent

SENDERS = 4
AT_RISK = 12
"""Requests acknowledged last before a kill, whose pages are read after it."""
START_OPTIONS = ("--requests-per-hour", "100000000")


@dataclass(slots=True)
class Result:
    """What the rounds showed. `lost` and `wrong` must be empty."""

    seed: int
    rounds: int = 0
    acknowledged: int = 0
    resent: int = 0
    pages_read: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.wrong

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.rounds} kills, {self.acknowledged} requests acknowledged, "
            f"{self.resent} sent again, {self.pages_read} pages read, {len(self.lost)} traces lost, "
            f"{len(self.wrong)} wrong; started again in {max(self.start_s):.2f} s at most"
        )


def kill_rounds(
    folder: Path, rounds: int, seed: int, told: Callable[[Result], None] = lambda _: None
) -> Result:
    """Run `rounds` rounds on a store in `folder`; `told` hears of each."""
    rng = random.Random(seed)  # noqa: S311 - the same rounds for the same seed
    result, score = Result(seed), Score()
    tracen = _started(folder, "", result)
    key = tracen.key
    for _ in range(rounds):
        before = len(score.acknowledged)
        _kill_under_load(tracen, score, rng)
        tracen = _started(folder, key, result)
        again, score.pending = score.pending, []
        result.resent += len(again)
        _send_again(tracen, score, again)
        fresh = score.acknowledged[before:]
        _check(tracen, score, [*fresh[: -len(again) or None][-AT_RISK:], *again], result)
        result.rounds += 1
        result.acknowledged = len(score.acknowledged)
        told(result)
        if not result.is_good:
            break
    sample = rng.sample(score.acknowledged, min(len(score.acknowledged), 50 + 2 * rounds))
    _check(tracen, score, sample, result)
    result.wrong += score.surprises
    tracen.stop()
    tracen.close()
    return result


def _started(folder: Path, key: str, result: Result) -> TracenProcess:
    started = time.perf_counter()
    tracen = start_tracen(folder / "torture.db", *START_OPTIONS, key=key)
    result.start_s.append(time.perf_counter() - started)
    return tracen


def _kill_under_load(tracen: TracenProcess, score: Score, rng: random.Random) -> None:
    stop = threading.Event()
    senders = [Sender(tracen, score) for _ in range(SENDERS)]
    threads = [threading.Thread(target=sender.run, args=(rng.randrange(1 << 32), stop)) for sender in senders]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(0.01, 0.3))
    tracen.kill()
    stop.set()
    for thread in threads:
        thread.join()
    for sender in senders:
        sender.close()
    tracen.close()


def _send_again(tracen: TracenProcess, score: Score, requests: Iterable[Sent]) -> None:
    sender = Sender(tracen, score)
    for sent in requests:
        if not sender.send(sent):
            score.surprises.append(f"{sent.door}: refused after the restart")
    sender.close()


def _check(tracen: TracenProcess, score: Score, requests: Iterable[Sent], result: Result) -> None:
    """Every span of these requests is on its page once, and nothing else is."""
    sender = Sender(tracen, score)
    for sent in requests:
        for trace, expected in sent.spans_by_trace.items():
            shown = sender.spans_on_page(trace)
            result.pages_read += 1
            if expected - set(shown):
                result.lost.append(f"{sent.door}: trace {trace}: {sorted(expected - set(shown))}")
            elif sorted(shown) != sorted(expected):
                result.wrong.append(f"{sent.door}: trace {trace}: {shown} instead of {sorted(expected)}")
    sender.close()
