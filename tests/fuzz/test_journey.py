"""Seeds, and small changes to them, travel from bytes to a page without surprises."""

from __future__ import annotations

import random

from tests.fuzz.changes import changed
from tests.fuzz.journey import TRACES_BY_FORM, travel
from tests.fuzz.seeds import seeds
from tests.fuzz.shrink import failure_of, smallest
from tests.fuzz.told import KEYS, spans_told_in, told_as_bytes

SEEDS = seeds()
CHANGES = 3
"""Changed copies of each seed that are replayed."""


def test_seeds_make_pages_in_every_form() -> None:
    """Nothing that was ever captured, made or found breaks the way, and each form gets to its end."""
    pages_by_form = dict.fromkeys(TRACES_BY_FORM, 0)
    for seed in SEEDS:
        pages = travel(seed)
        if seed:
            pages_by_form[seed[:1]] += pages
    assert min(pages_by_form.values()) > 0, pages_by_form


def _scribbled(body: bytes, chance: random.Random) -> bytes:
    """A copy with a few bytes changed, doubled or dropped."""
    scribbled = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(scribbled))
        match chance.randrange(3):
            case 0:
                scribbled[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                scribbled[at:at] = scribbled[at : at + chance.randint(1, 40)]
            case _:
                del scribbled[at : at + chance.randint(1, 12)]
    return bytes(scribbled)


def test_changed_seeds_make_pages_or_typed_errors() -> None:
    """Broken copies of real requests are refused by name or shown; the same copies on every run."""
    chance = random.Random(2026)
    pages = sum(
        travel(changed(seed, chance, lambda body: _scribbled(body, chance)))
        for seed in SEEDS
        for _ in range(CHANGES)
    )
    assert pages > len(SEEDS)  # most are still readable, so the way is really gone


def test_told_form_keeps_what_a_dialect_reads() -> None:
    """The form that mutation does not break can say what real spans say."""
    seed = next(seed for seed in SEEDS if seed[:1] == b"t" and len(seed) > 200)
    spans = spans_told_in(seed[1:])
    assert any(key in KEYS for span in spans for key in span.attributes)
    assert spans_told_in(told_as_bytes(spans))[0].attributes == spans[0].attributes


def test_failing_input_is_made_small() -> None:
    """Of an input that breaks something only that stays which breaks it; another error is not accepted."""

    def run(data: bytes) -> None:
        if b"bad" in data:
            raise KeyError(data.decode())
        if b"ba" in data:
            raise ValueError(data.decode())

    assert smallest(run, b"p" + b"x" * 50 + b"bad" + b"y" * 70) == b"pbad"
    assert failure_of(run, b"p") is None
