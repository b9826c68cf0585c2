"""How long doctor waits: a few seconds for each step, a minute for all of them together."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_S = 4.0
TOTAL_S = 60.0
_LEAST_S = 0.1


class Pace:
    """Times of one run; when its minute is over, steps get next to nothing."""

    def __init__(
        self,
        step_s: float = STEP_S,
        total_s: float = TOTAL_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._step_s = step_s
        self._monotonic_s = monotonic_s
        self._end_s = monotonic_s() + total_s

    @property
    def step_s(self) -> float:
        """Seconds that the next step may take."""
        return max(_LEAST_S, min(self._step_s, self._end_s - self._monotonic_s()))
