"""The public surface of tracen_otel, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files

import pytest

import tracen_otel

PUBLIC = ["Counts", "PublishedTrace", "TracenSpanExporter", "Tracing", "__version__", "setup", "trace_url"]


def test_public_names_are_these() -> None:
    """A name that is added or lost is a decision, made here too."""
    assert sorted(tracen_otel.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(tracen_otel))
    for name in PUBLIC:
        assert getattr(tracen_otel, name) is not None


def test_public_names_end_there() -> None:
    """Any other name is an AttributeError, as of every module."""
    with pytest.raises(AttributeError, match="has no attribute 'TracenExporter'"):
        tracen_otel.TracenExporter  # noqa: B018


def test_public_version_is_the_packages() -> None:
    """What `__version__` says is what pip says."""
    assert tracen_otel.__version__ == version("tracen-otel")


def test_public_package_is_typed() -> None:
    """Type checkers of users read our annotations."""
    assert files("tracen_otel").joinpath("py.typed").is_file()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("tracen_otel", ["opentelemetry", "urllib3", "logging"]),
        ("tracen_otel.payload", ["opentelemetry", "urllib3", "google"]),
        ("tracen_otel.exporter", ["urllib3", "google", "grpc"]),
    ],
)
def test_public_import_is_cheap(module: str, absent: list[str]) -> None:
    """Whoever reads payloads loads no SDK, and whoever exports nothing yet no HTTP client."""
    program = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
