"""The public surface of tracen_otel: its names, signatures and words, and what importing it costs."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import pytest

import tracen_otel
from tests.tracen_otel.scripted_server import closed_port
from tracen_otel import Counts, PublishedTrace, TracenSpanExporter, Tracing, setup

PUBLIC = ["Counts", "PublishedTrace", "TracenSpanExporter", "Tracing", "__version__", "setup", "trace_url"]
SIGNATURES = {
    "TracenSpanExporter": "(*, endpoint=None, key=None, on_url=None, redact=None, capture_content=None, only=None, "
    "wait=None, spool_dir=None, timeout=None, shutdown_timeout=None, extended=None)",
    "TracenSpanExporter.export": "(self, spans)",
    "TracenSpanExporter.force_flush": "(self, timeout_millis=30000)",
    "TracenSpanExporter.reserve": "(self, otel_trace_id, timeout=2.0)",
    "TracenSpanExporter.see": "(self, spans)",
    "TracenSpanExporter.shutdown": "(self, timeout_millis=None)",
    "TracenSpanExporter.url": "(self, otel_trace_id)",
    "Tracing.flush": "(self, timeout_s=30.0)",
    "setup": "(*, endpoint=None, key=None, service_name=None, instrument=True, on_url=None, redact=None, "
    "capture_content=None, only=None)",
    "trace_url": "(timeout=2.0)",
}
PROPERTIES = {"TracenSpanExporter": ["counts", "urls"], "Tracing": ["urls"]}
FIELDS = {
    Tracing: "provider, exporter, instrumented",
    PublishedTrace: "trace_id, url, otel_trace_id=None",
    Counts: "published=0, skipped=0, retries=0, dropped={}",
}
SERVER = [
    "PIL",
    "bridge",
    "click",
    "google",
    "grpc",
    "httptools",
    "jinja2",
    "markdown_it",
    "nh3",
    "opentelemetry.proto",
    "platformdirs",
    "prometheus_client",
    "pythonjsonlogger",
    "sqlite3",
    "sqlite_utils",
    "starlette",
    "uvicorn",
    "uvloop",
    "viewer",
    "zstandard",
]
"""What the service is made of."""


def public_members(name: str) -> dict[str, Any]:
    """What a public class adds to its bases, without its fields."""
    members = vars(getattr(tracen_otel, name))
    fields = members.get("__slots__", ())
    return {each: member for each, member in members.items() if each[0] != "_" and each not in fields}


def signature_of(function: Any) -> str:
    """Names and defaults; the types are pyright's to check (test_public_types.py)."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def told_default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f"{field.name}={field.default_factory()!r}"
    return field.name if field.default is dataclasses.MISSING else f"{field.name}={field.default!r}"


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


def test_public_signatures_are_these() -> None:
    """Parameters, their order and their defaults are a promise, of functions and of methods."""
    told = {
        name: signature_of(getattr(tracen_otel, name))
        for name in ("TracenSpanExporter", "setup", "trace_url")
    }
    for owner in PROPERTIES:
        members = public_members(owner)
        told |= {f"{owner}.{name}": signature_of(f) for name, f in members.items() if inspect.isfunction(f)}
        assert (
            sorted(name for name, member in members.items() if isinstance(member, property))
            == PROPERTIES[owner]
        )

    assert told == SIGNATURES


@pytest.mark.parametrize("record", FIELDS, ids=lambda record: record.__name__)
def test_public_records_have_these_fields(record: type[Any]) -> None:
    """Records can be made by position, and not be changed."""
    assert ", ".join(map(told_default, dataclasses.fields(record))) == FIELDS[record]
    assert record.__dataclass_params__.frozen


def test_public_objects_say_what_they_are_for() -> None:
    """Every public object, method and property has a docstring, of its own and not of a base class."""
    told = {name: getattr(tracen_otel, name).__doc__ for name in PUBLIC if name != "__version__"}
    for owner in PROPERTIES:
        told |= {f"{owner}.{name}": member.__doc__ for name, member in public_members(owner).items()}

    assert [name for name, words in told.items() if not (words or "").strip().endswith((".", ")."))] == []


@pytest.mark.parametrize("described", [TracenSpanExporter, setup], ids=["TracenSpanExporter", "setup"])
def test_public_parameters_are_described(described: Any) -> None:
    """Each parameter has its place in the list of the docstring, and wrong ones their error."""
    lines = [line.strip() for line in described.__doc__.splitlines()]
    listed = [name for line in lines if ": " in line for name in line.partition(": ")[0].split(", ")]

    assert [name for name in inspect.signature(described).parameters if name not in listed] == []
    assert any("Raises ValueError" in line for line in lines)


@pytest.mark.parametrize("record", FIELDS, ids=lambda record: record.__name__)
def test_public_fields_are_described(record: type[Any]) -> None:
    """Each field that its name does not say all of is in the docstring of its record."""
    words = record.__doc__ or ""

    assert [
        f.name for f in dataclasses.fields(record) if f"`{f.name}`" not in words and f.name != "url"
    ] == []


@pytest.mark.parametrize("method", ["export", "force_flush", "shutdown"])
def test_public_contract_names_its_source(method: str) -> None:
    """What the SDK asks for is told with the clause that asks for it, and whether it can raise."""
    words = getattr(TracenSpanExporter, method).__doc__

    assert 'OTel specification, trace/sdk.md, "Span Exporter"' in words
    assert "Raises nothing." in " ".join(words.split())


@pytest.mark.parametrize(("name", "unit"), [("timeout_millis", "milliseconds"), ("timeout", "seconds")])
def test_public_times_have_units(name: str, unit: str) -> None:
    """Whoever passes a time reads in what it is."""
    functions = [getattr(TracenSpanExporter, each) for each in ("force_flush", "reserve", "shutdown")]
    timed = [f for f in (*functions, tracen_otel.trace_url) if name in inspect.signature(f).parameters]

    assert len(timed) == 2
    assert all(re.search(rf"\b{unit}\b", f.__doc__) for f in timed)


def test_public_version_is_the_packages() -> None:
    """What `__version__` says is what pip says."""
    assert tracen_otel.__version__ == version("tracen-otel")


def test_public_package_is_typed() -> None:
    """Type checkers of users read our annotations."""
    assert files("tracen_otel").joinpath("py.typed").is_file()


def loaded_of(program: str, names: list[str]) -> str:
    """Which of the modules a fresh interpreter has loaded after a program."""
    watched = f"{program}; import sys; print([name for name in {names!r} if name in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", watched], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("tracen_otel", ["opentelemetry", "urllib3", "logging"]),
        ("tracen_otel.payload", ["opentelemetry", "urllib3", "google"]),
        ("tracen_otel.exporter", ["urllib3", "http.client", "tracen_otel.model", "tracen_otel.dialects"]),
    ],
)
def test_public_import_is_cheap(module: str, absent: list[str]) -> None:
    """Whoever reads payloads loads no SDK, and whoever exports nothing yet no HTTP client."""
    assert loaded_of(f"import {module}", absent) == "[]"


def test_public_exporter_imports_nothing_more_once_it_is_made() -> None:
    """All that a post needs is imported where an exporter is made: a fork amid an import breaks the child."""
    program = (
        "from opentelemetry.sdk.trace import TracerProvider; import sys, tracen_otel;"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor;"
        "provider = TracerProvider(shutdown_on_exit=False);"
        f"exporter = tracen_otel.TracenSpanExporter(key='tracen_sk_x', endpoint='http://127.0.0.1:{closed_port()}');"
        "provider.add_span_processor(SimpleSpanProcessor(exporter)); known = set(sys.modules);"
        "span = provider.get_tracer('x').start_span('a', attributes={'openinference.span.kind': 'LLM'}); span.end();"
        "exporter.force_flush(5000); exporter.shutdown(); print(sorted(set(sys.modules) - known))"
    )

    assert loaded_of(program, []).splitlines()[0] == "[]"


@pytest.mark.parametrize(
    "program",
    [
        "import tracen_otel; tracen_otel.TracenSpanExporter",
        "import tracen_otel; tracen_otel.TracenSpanExporter(key='tracen_sk_x')",
        "import tracen_otel; tracen_otel.setup, tracen_otel.trace_url",
    ],
)
def test_public_names_need_nothing_of_the_server(program: str) -> None:
    """A user's program loads no part of the service, and nothing that only the service needs."""
    assert loaded_of(program, SERVER) == "[]"
