"""Which of the installed OpenTelemetry instrumentations are about models and agents, and how they are switched on.

Reads the entry points that `opentelemetry-instrument` reads too. Knows no exporter.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Iterator, MutableMapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

_logger = logging.getLogger("tracen_otel")

_GROUP = "opentelemetry_instrumentor"
_ALL_OF = "openinference-instrumentation"
"""Distributions of OpenInference are about models and agents without exception."""
_SUBJECTS = frozenset(
    (
        "agno",
        "aleph_alpha",
        "alephalpha",
        "anthropic",
        "autogen",
        "bedrock",
        "chromadb",
        "claude_agent_sdk",
        "cohere",
        "crewai",
        "dspy",
        "google_genai",
        "google_generativeai",
        "groq",
        "haystack",
        "lancedb",
        "langchain",
        "langgraph",
        "litellm",
        "llama_index",
        "marqo",
        "mcp",
        "milvus",
        "mistralai",
        "ollama",
        "openai",
        "openai_agents",
        "pinecone",
        "portkey",
        "pydantic_ai",
        "qdrant",
        "replicate",
        "sagemaker",
        "smolagents",
        "strands",
        "together",
        "transformers",
        "vertexai",
        "voyageai",
        "watsonx",
        "weaviate",
        "weaviate_client",
        "writer",
    )
)
"""Names of entry points; the same in OpenTelemetry's own, and in OpenLLMetry's distributions."""
_CAPTURE, _OPT_IN = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "OTEL_SEMCONV_STABILITY_OPT_IN"
_LATEST = "gen_ai_latest_experimental"
"""Without these OpenTelemetry's own instrumentations record that something was said, and not what."""


def record_content(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have instrumentations record what is said, where the environment does not say whether they should."""
    environment.setdefault("HAYSTACK_CONTENT_TRACING_ENABLED", "true")
    if _CAPTURE in environment:
        return
    environment[_CAPTURE] = "span_only"
    opted_in = [name for name in environment.get(_OPT_IN, "").split(",") if name.strip()]
    if _LATEST not in opted_in:
        environment[_OPT_IN] = ",".join([*opted_in, _LATEST])


def switch_on(provider: Any) -> tuple[str, ...]:
    """Switch on every GenAI instrumentation whose library is installed; answers their names, sorted.

    Not those that OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names, as with `opentelemetry-instrument`. Of two for one
    library the first by name of its distribution is taken: both would tell every call twice. One that fails is a
    warning.
    """
    disabled = _disabled()
    switched = [name for name, point in _chosen(disabled).items() if _is_on(name, point, provider)]
    if "pydantic_ai" not in disabled and _instrument_pydantic_ai():
        switched.append("pydantic_ai")
    return tuple(sorted(switched))


def _disabled() -> frozenset[str]:
    names = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    return frozenset(_subject(name) for name in names.replace(" ", "").split(",") if name)


def _chosen(disabled: Collection[str]) -> dict[str, EntryPoint]:
    chosen: dict[str, EntryPoint] = {}
    for distribution, point in sorted(_offered(), key=lambda offer: offer[0]):
        subject = _subject(point.name)
        if subject in disabled:
            continue
        if subject in chosen:
            _logger.info("%s is not used: another instrumentation of %s is", distribution, subject)
        else:
            chosen[subject] = point
    return chosen


def _offered() -> Iterator[tuple[str, EntryPoint]]:
    for point in entry_points(group=_GROUP):
        distribution = point.dist.name if point.dist else ""
        if distribution.startswith(_ALL_OF) or _subject(point.name) in _SUBJECTS:
            yield distribution, point


def _subject(name: str) -> str:
    """The library that an entry point is about: spellings differ."""
    plain = name.lower().replace("-", "_").removeprefix("opentelemetry_instrumentation_")
    return {"llamaindex": "llama_index", "openai_v2": "openai"}.get(plain, plain)


def _is_on(name: str, point: EntryPoint, provider: Any) -> bool:
    try:
        instrumentor = point.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=provider, raise_exception_on_conflict=True)
    except ModuleNotFoundError:
        _logger.debug("instrumentation %s: its library is not installed", name)
        return False
    except Exception as error:  # it is not ours, and the program should run without it
        if type(error).__name__ == "DependencyConflictError":  # which older releases do not have
            _logger.debug("instrumentation %s: its library is not installed, or of another version", name)
            return False
        _logger.warning("instrumentation %s can not be switched on: %s", name, type(error).__name__)
        return False
    return True


def _instrument_pydantic_ai() -> bool:
    """Pydantic AI brings its instrumentation along, switched off."""
    if "pydantic_ai" not in sys.modules and find_spec("pydantic_ai") is None:
        return False
    try:
        from pydantic_ai import Agent  # type: ignore[import-not-found, unused-ignore]

        Agent.instrument_all()
    except Exception as error:
        _logger.warning("pydantic_ai can not be instrumented: %s", type(error).__name__)
        return False
    return True
