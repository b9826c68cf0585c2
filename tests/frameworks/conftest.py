"""What every framework is run with: Tracen, a model, and the Node that current packages ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frameworks.desk import Desk
from tests.frameworks.model import Model, running_model
from tests.frameworks.npm import installed_node
from tests.processes import TracenProcess

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless this folder, or a file of it, is named."""
    named = [
        (config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args
    ]
    return None if any(path.is_relative_to(HERE) for path in named) else True


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    with running_model() as model:
        yield model


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `node` is."""
    return installed_node(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def desk(tracen: TracenProcess, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An empty folder, whose owner has a Tracen and a model."""
    return Desk(tmp_path_factory.mktemp("desk"), tracen, model)
