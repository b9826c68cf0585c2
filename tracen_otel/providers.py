"""Whose model answered: raw provider and model names → the payload's closed set of providers.

After the provider names of semantic-conventions-genai and what other conventions write for them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tracen_otel.model import Provider

_PROVIDER_BY_NAME = {
    "openai": Provider.OPENAI,
    "azureopenai": Provider.OPENAI,
    "azureaiopenai": Provider.OPENAI,
    "azaiopenai": Provider.OPENAI,
    "openairesponses": Provider.OPENAI,
    "anthropic": Provider.ANTHROPIC,
    "claude": Provider.ANTHROPIC,
    "mistral": Provider.MISTRAL,
    "mistralai": Provider.MISTRAL,
    "gemini": Provider.GEMINI,
    "gcpgemini": Provider.GEMINI,
    "gcpgenai": Provider.GEMINI,
    "google": Provider.GEMINI,
    "googlegenai": Provider.GEMINI,
    "googlegenerativeai": Provider.GEMINI,
    "googleai": Provider.GEMINI,
}
_HOSTS_OF_MANY = (
    "azure", "azaiinference", "vertex", "gcpvertex", "google", "groq", "openrouter", "litellm",
    "together", "fireworks", "vercel", "gateway", "replicate", "huggingface", "github", "databricks",
    "langchain", "langgraph", "llamaindex", "strands", "autogen", "crewai", "semantickernel", "agno",
    "pydantic", "haystack", "dspy", "smolagents", "mastra", "genkit",
)  # fmt: skip
"""Clouds, gateways and frameworks: the model's name says whose model it is."""

_MODEL_PATTERNS = (
    (re.compile(r"claude|anthropic"), Provider.ANTHROPIC),
    (re.compile(r"gemini"), Provider.GEMINI),
    (re.compile(r"mi[sx]tral|codestral|ministral|magistral|pixtral|devstral"), Provider.MISTRAL),
    (
        re.compile(r"(^|[/.:])(gpt-|gpt[345]|chatgpt|o[134](-|$)|text-embedding-(3|ada)|davinci)"),
        Provider.OPENAI,
    ),
)
_NOT_OPENAI = re.compile(r"gpt-(oss|j|neo)")
_SEPARATORS = re.compile(r"[^a-z0-9]+")


_MAX_NAME = 200
"""Names longer than this are none; only so much of one is looked at, and remembered."""


def provider_of(provider_name: str | None, model: str | None) -> Provider:
    """Tell the payload's provider for a raw provider name and a model name, in any spelling."""
    return _provider_of((provider_name or "")[:_MAX_NAME], (model or "")[:_MAX_NAME])


@lru_cache(maxsize=1024)
def _provider_of(provider_name: str, model: str) -> Provider:
    told = provider_name.strip().lower()
    for spelling in (told, told.split(".", 1)[0]):  # Vercel writes "openai.chat"
        if provider := _PROVIDER_BY_NAME.get(_SEPARATORS.sub("", spelling)):
            return provider
    if told and not _SEPARATORS.sub("", told).startswith(_HOSTS_OF_MANY):
        return Provider.CUSTOM
    return _provider_of_model(model.strip().lower())


def _provider_of_model(model: str) -> Provider:
    if _NOT_OPENAI.search(model):
        return Provider.CUSTOM
    return next((provider for pattern, provider in _MODEL_PATTERNS if pattern.search(model)), Provider.CUSTOM)
