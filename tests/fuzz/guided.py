"""The search itself, in a process of its own: atheris ends the process when it is done or something broke."""

from __future__ import annotations

import random
import sys
from importlib import import_module

from tests.fuzz.changes import changed


def main() -> None:
    """Instrument Tracen, then try inputs until the time given in libFuzzer's own flags is over."""
    atheris = import_module("atheris")  # optional: without a type, and absent where nobody fuzzes
    with atheris.instrument_imports(
        include=["tracen_otel", "viewer", "tests.fuzz.journey", "tests.fuzz.told"]
    ):
        travel = import_module("tests.fuzz.journey").travel

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        return changed(data, chance, lambda part: atheris.Mutate(part, max(len(part) + 64, 64)))[:max_size]

    atheris.Setup(sys.argv, lambda data: travel(data) and None, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
