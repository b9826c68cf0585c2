"""Every way in which a request can end is told in words, with what to do about it."""

from __future__ import annotations

import pytest

import bridge.status
import viewer.problems
from viewer.accounts.outcomes import DOOR_NAMES, state_of, wording_of
from viewer.requests import ACCEPTED, GONE, PARTIAL, UNEXPECTED, Door, outcome_of

REFUSALS = {*viewer.problems.REFUSALS, *bridge.status.REFUSALS}
NAMES = {outcome_of(error.__new__(error), (error,)) for error in REFUSALS}


@pytest.mark.parametrize("outcome", sorted(NAMES | {PARTIAL, GONE, UNEXPECTED, "no_such_path"}))
def test_refusal_has_words_and_advice(outcome: str) -> None:
    """What is not told here is a name that only the code knows."""
    wording = wording_of(outcome)
    assert wording.advice.endswith(".")
    assert 3 < len(wording.words) <= 32
    assert state_of(outcome) in ("bad", "odd")


def test_outcome_that_is_new_is_told_by_its_name() -> None:
    """Better than nothing."""
    assert wording_of("some_new_reason").words == "Some new reason"


def test_what_was_accepted_needs_no_advice() -> None:
    """It is good."""
    assert (state_of(ACCEPTED), wording_of(ACCEPTED).advice) == ("good", "")


def test_every_door_has_a_name() -> None:
    """As its users know it."""
    assert DOOR_NAMES.keys() == set(Door)
