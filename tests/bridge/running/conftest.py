"""A server, a model and a folder for programs that are run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.running.runs import Runner, clean_environment
from tests.examples.programs import EXAMPLES, Instructions, running_model
from tests.processes import TracenProcess


@pytest.fixture(scope="package")
def model() -> Iterator[str]:
    """The offline model's address."""
    with running_model() as address:
        yield address


@pytest.fixture
def runner(tracen: TracenProcess, tmp_path: Path, model: str) -> Runner:
    """Runs programs with the shared server, in a folder of their own."""
    alone = Instructions.of(
        EXAMPLES / "openai_sdk.py"
    ).others_off()  # importing all that is installed takes long
    environment = clean_environment(OPENAI_BASE_URL=model + "/v1", OPENAI_API_KEY="unused", **alone)
    return Runner(tracen, tmp_path, environment)
