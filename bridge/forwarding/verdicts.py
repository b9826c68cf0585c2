"""What follows from a request that was not answered with a page: one table from error to verdict."""

from __future__ import annotations

from enum import Enum, auto

from tracen_otel.client import Overloaded, PayloadTooLarge, Refused, TracenError, Unreachable, UnreadableReply


class Verdict(Enum):
    """What is done next."""

    WAIT = auto()
    """It asks for time: exactly so long."""
    RETRY = auto()
    """Nobody knows what has become of it, or nobody answers: the same again, ever slower."""
    STOP = auto()
    """No trace will be taken as things are: an operator has to change something, here or there."""
    ANOTHER_FORM = auto()
    """It does not like what the trace says, or how."""
    SMALLER = auto()
    BROKEN = auto()
    """It fails with this trace, perhaps not with others."""
    SET_ASIDE = auto()


_TELLS_TO_STOP = frozenset({401, 402, 403, 404, 405, 406, 407, 411, 415, 421, 426})
_IN_PROGRESS = 409
"""The same key is being answered: another attempt of the same is under way there."""
_TELLS_TO_RETRY = frozenset({408, _IN_PROGRESS, 425})
_WRONG = frozenset({400, 422})
_ASKS_FOR_TIME = frozenset({429, 503})


def verdict_of(error: TracenError) -> Verdict:
    """The verdict on an error of `tracen_otel.client`."""
    status = error.status or 0
    if isinstance(error, Overloaded):
        return Verdict.WAIT if status in _ASKS_FOR_TIME else Verdict.RETRY
    if isinstance(error, Unreachable) or status in _TELLS_TO_RETRY:
        return Verdict.RETRY
    if isinstance(error, UnreadableReply) or status in _TELLS_TO_STOP or 300 <= status < 400:
        return Verdict.STOP
    if isinstance(error, PayloadTooLarge):
        return Verdict.SMALLER
    if status in _WRONG:
        return Verdict.ANOTHER_FORM
    return Verdict.BROKEN if status >= 500 else Verdict.SET_ASIDE


def may_have_arrived(error: TracenError) -> bool:
    """Whether the endpoint may have a page of what was sent."""
    if isinstance(error, Refused):
        return (error.status or 0) >= 500 or error.status == _IN_PROGRESS
    return error.may_have_arrived or isinstance(error, UnreadableReply)


def has_left_nothing(error: TracenError) -> bool:
    """Whether no attempt with these bytes has left a page: what it refuses for what it says, it never took."""
    return not may_have_arrived(error) and error.status in _WRONG


def is_about_any(error: TracenError) -> bool:
    """Whether the trace had no part in it: nothing of it was sent."""
    return isinstance(error, Unreachable) and not error.may_have_arrived


def in_words(error: TracenError) -> str:
    """For the operator, with what may help; never what the endpoint wrote."""
    status, told = error.status or 0, str(error)
    if status in (401, 403):
        return f"{told}: the endpoint does not take the key; --forward-key is that of an account there"
    if 300 <= status < 400:
        return f"{told}; --forward-to is where it leads to, if that is the endpoint"
    if status in (404, 405):
        return f"{told}: is --forward-to a Tracen endpoint?"
    return told
