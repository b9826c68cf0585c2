"""Whose failure it is, the endpoint's or one trace's: told by what becomes of the others.

What is refused to one trace may be refused to all; that is known when another one has been tried.
"""

from __future__ import annotations

from enum import Enum, auto

from viewer.store.base import NS_PER_S
from viewer.store.deliveries import Delivery

TRIES = 3
"""Of one trace, before another one is tried."""
FIRST_REST_S, MOST_REST_S = 60, 3600
STEADY_TRIES, MOST_ALONE_S = 10, 600
"""Of one trace in a row, before it rests though no other is known to be taken; and how long it rests at most."""


class Blame(Enum):
    """Who is to blame, and so what is tried next."""

    NOBODY = auto()
    """It may pass: the same trace again."""
    ENDPOINT = auto()
    """As far as is known: another trace next."""
    TRACE = auto()
    """Others are taken: this one rests, and they go on."""


class Evidence:
    """What has become of traces lately. Begins anew with the process."""

    def __init__(self) -> None:
        self._takes_others: bool | None = None
        self._failed_last = 0
        self._in_a_row = 0

    def succeeded(self) -> None:
        """A trace was taken: what was put last before is known to be to blame for itself if it fails again."""
        self._takes_others = True
        self._in_a_row = 0

    def alone_ns(self, delivery: Delivery) -> int:
        """How long a trace rests after one more failure, where nothing else is due: ever longer, not as long as above.

        It may as well be the endpoint, which others that come are tried at.
        """
        self._in_a_row = self._in_a_row + 1 if delivery.id == self._failed_last else 1
        self._failed_last = delivery.id
        more = self._in_a_row - STEADY_TRIES
        return 0 if more < 0 else min(FIRST_REST_S << min(more, 10), MOST_ALONE_S) * NS_PER_S

    def blame_for(self, delivery: Delivery, *, is_plain: bool) -> Blame:
        """After one more failure of a trace. `is_plain`: to try the same again would tell nothing."""
        if delivery.behind and self._takes_others:
            return Blame.TRACE
        if is_plain or delivery.behind or self._takes_others is False or delivery.tries + 1 >= TRIES:
            self._takes_others = False
            return Blame.ENDPOINT
        return Blame.NOBODY


def rest_ns(delivery: Delivery) -> int:
    """How long a trace rests that is to blame: twice as long each time that it was put last."""
    return min(FIRST_REST_S << min(delivery.behind, 10), MOST_REST_S) * NS_PER_S
