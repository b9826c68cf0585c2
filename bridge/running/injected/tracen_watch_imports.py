"""Which imports mean that a program uses models, and which installed instrumentations are for them.

Reads the entry points that opentelemetry-instrument reads, once such a library is imported and not before.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_PACKAGE_BY_LIBRARY = {
    "agents": "openinference-instrumentation-openai-agents",
    "agno": "openinference-instrumentation-agno",
    "anthropic": "openinference-instrumentation-anthropic",
    "autogen_agentchat": "openinference-instrumentation-autogen-agentchat",
    "beeai_framework": "openinference-instrumentation-beeai",
    "boto3": "",
    "claude_agent_sdk": "openinference-instrumentation-claude-agent-sdk",
    "cohere": "openinference-instrumentation-cohere",
    "crewai": "openinference-instrumentation-crewai",
    "dspy": "openinference-instrumentation-dspy",
    "google.adk": "openinference-instrumentation-google-adk",
    "google.genai": "openinference-instrumentation-google-genai",
    "groq": "openinference-instrumentation-groq",
    "haystack": "openinference-instrumentation-haystack",
    "langchain_core": "openinference-instrumentation-langchain",
    "litellm": "openinference-instrumentation-litellm",
    "llama_index.core": "openinference-instrumentation-llama-index",
    "mistralai": "openinference-instrumentation-mistralai",
    "ollama": "openinference-instrumentation-ollama",
    "openai": "openinference-instrumentation-openai",
    "pydantic_ai": "",
    "smolagents": "openinference-instrumentation-smolagents",
    "together": "openinference-instrumentation-together",
    "vertexai": "openinference-instrumentation-vertexai",
}
"""By what is imported: what to install where nothing is; "" where that is too much to ask, or nothing is needed."""
_OTHERS = frozenset(
    (
        *("aiohttp", "asyncpg", "botocore", "celery", "django", "elasticsearch", "fastapi", "flask", "grpc"),
        *("httpx", "mcp", "psycopg", "psycopg2", "pymongo", "pymysql", "redis", "requests", "sqlalchemy"),
        *("starlette", "tornado", "urllib3"),
    )
)
"""What a program's spans pass through on their way."""
_WATCHED = frozenset(_PACKAGE_BY_LIBRARY) | _OTHERS
_LIBRARY_BY_DISTRIBUTION = {
    "google_adk": "google.adk",
    "google_genai": "google.genai",
    "google_cloud_aiplatform": "vertexai",
    "haystack_ai": "haystack",
    "llama_index": "llama_index.core",
    "llama_index_core": "llama_index.core",
    "openai_agents": "agents",
    "psycopg2_binary": "psycopg2",
}
"""Whose import has another name."""
_REQUIREMENT = r"([A-Za-z0-9._-]+).*extra\s*==\s*['\"]instruments(?:-any)?['\"]"


class Watcher:
    """First on sys.meta_path: tells when a library, or one of some modules, has been imported. Finds nothing itself."""

    def __init__(
        self, on_library: Callable[[str], None], on_module: dict[str, Callable[[Any], None]]
    ) -> None:
        self._on_library = on_library
        self._on_module = on_module
        self._seen: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that others find, with a loader that tells when it is done; to who only asks, theirs is theirs."""
        if name in self._seen or not (name in _WATCHED or name in self._on_module) or not _is_imported(name):
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return self._telling(spec)
        return None

    def _telling(self, spec: Any) -> Any:
        if not (hasattr(spec.loader, "exec_module") and hasattr(spec.loader, "create_module")):
            return spec
        copy = object.__new__(type(spec))
        copy.__dict__.update(spec.__dict__)
        copy.loader = _TellingLoader(spec.loader, self._on_loaded)
        return copy

    def _on_loaded(self, name: str, module: Any) -> None:
        if name not in self._seen:
            self._seen.add(name)
            self._tell(name, module)

    def _tell(self, name: str, module: Any) -> None:
        try:
            if name in self._on_module:
                self._on_module[name](module)
            else:
                self._on_library(name)
        except Exception:  # noqa: S110 - the program runs as well without
            pass


class _TellingLoader:
    """Stands before a loader, which may be shared by many modules, for one import; then the module has that one."""

    def __init__(self, loader: Any, on_loaded: Callable[[str, Any], None]) -> None:
        self._loader = loader
        self._on_loaded = on_loaded

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        name = module.__spec__.name
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._on_loaded(name, sys.modules.get(name, module))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _is_imported(name: str) -> bool:
    """Whether an import of it is under way: a look whether it is there asks finders as well."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load_unlocked":
            return bool(frame.f_locals.get("name") == name)
        frame = frame.f_back
    return False


class Libraries:
    """The installed instrumentations, by the library that they are for."""

    def __init__(self) -> None:
        self._points_by_library: dict[str, list[Any]] | None = None
        self._done: set[str] = set()

    def instrument(self, library: str) -> tuple[list[Any], list[str]]:
        """Switch on what is for a library; answers what is on now, and what would have to be installed."""
        if self._points_by_library is None:
            self._points_by_library = _points_by_library()
        switched = []
        for name in (library, *_loaded(self._points_by_library)):
            if name not in self._done:
                self._done.add(name)
                switched += _switched_on(name, self._points_by_library.get(name, []))
        package = _PACKAGE_BY_LIBRARY.get(library)
        is_missing = package and not any(True for _ in self._points_by_library.get(library, ()))
        return switched, [package] if is_missing and package else []

    @staticmethod
    def silence(instrumentor: Any) -> None:
        """Take an instrumentation back; the program may switch the same one on by itself."""
        try:  # noqa: SIM105
            instrumentor.uninstrument()
        except Exception:  # noqa: S110 - what can not be taken back has no provider of ours behind it
            pass
        if hasattr(instrumentor, "_is_instrumented_by_opentelemetry"):
            instrumentor._is_instrumented_by_opentelemetry = False


def _loaded(libraries: dict[str, list[Any]]) -> Iterator[str]:
    """What was imported before; what is being imported right now tells when it is done."""
    for name in libraries:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is not None and not getattr(spec, "_initializing", False) and name not in _PACKAGE_BY_LIBRARY:
            yield name


def _points_by_library() -> dict[str, list[Any]]:
    from importlib.metadata import distributions

    disabled = _disabled()
    found: dict[str, list[Any]] = {}
    for distribution in sorted(distributions(), key=lambda one: str(one.metadata["Name"])):
        for point in distribution.entry_points:
            if point.group == "opentelemetry_instrumentor" and point.name.lower() not in disabled:
                for library in _libraries_of(distribution, point.name):
                    found.setdefault(library, []).append(point)
    return {} if "*" in disabled else found


def _disabled() -> frozenset[str]:
    import os

    names = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    return frozenset(name.strip().lower() for name in names.split(","))


def _libraries_of(distribution: Any, point_name: str) -> set[str]:
    """What it instruments, as its optional requirements say; where they do not, its own name."""
    import re

    requirements = [re.match(_REQUIREMENT, text) for text in distribution.requires or ()]
    names = {match[1].lower().replace("-", "_").replace(".", "_") for match in requirements if match}
    names = names or {point_name.lower().replace("-", "_")}
    return {_LIBRARY_BY_DISTRIBUTION.get(name, name) for name in names}


def _switched_on(library: str, points: list[Any]) -> list[Any]:
    """Of two for one library the first is taken: both would tell every call twice."""
    if library == "pydantic_ai":
        return [_PydanticAI()]
    for point in points:
        try:
            instrumentor = point.load()()
            if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
                return []
            if instrumentor.instrument(raise_exception_on_conflict=True) is None and not getattr(
                instrumentor, "is_instrumented_by_opentelemetry", True
            ):
                continue
        except Exception:  # noqa: S112 - of another version, or its own library is missing
            continue
        return [instrumentor]
    return []


class _PydanticAI:
    """Brings its instrumentation along, switched off."""

    def __init__(self) -> None:
        self._switch(is_on=True)

    def uninstrument(self) -> None:
        self._switch(is_on=False)

    def _switch(self, *, is_on: bool) -> None:
        sys.modules["pydantic_ai"].Agent.instrument_all(is_on)


libraries = Libraries()
