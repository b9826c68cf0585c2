"""Raw provider and model names map to the payload's closed set."""

from __future__ import annotations

import pytest

from tests.tracen_otel.measured import kept_bytes_of
from tracen_otel.model import Provider
from tracen_otel.providers import provider_of


@pytest.mark.parametrize(
    ("provider_name", "model", "provider"),
    [
        ("openai", "gpt-4o", Provider.OPENAI),
        ("OpenAI", None, Provider.OPENAI),
        ("openai.responses", "gpt-4o", Provider.OPENAI),
        ("azure.ai.openai", "my-deployment", Provider.OPENAI),
        ("az.ai.openai", None, Provider.OPENAI),
        ("azure", "gpt-4o", Provider.OPENAI),
        ("azure", "phi-4", Provider.CUSTOM),
        ("Anthropic", "claude-sonnet-4-5", Provider.ANTHROPIC),
        ("anthropic.messages", None, Provider.ANTHROPIC),
        ("mistral_ai", "mistral-large", Provider.MISTRAL),
        ("MistralAI", None, Provider.MISTRAL),
        ("gcp.gemini", "gemini-2.5-pro", Provider.GEMINI),
        ("gcp.gen_ai", None, Provider.GEMINI),
        ("google_genai", None, Provider.GEMINI),
        ("google.generative-ai", "gemini-2.0-flash", Provider.GEMINI),
        ("gcp.vertex_ai", "gemini-2.5-pro", Provider.GEMINI),
        ("gcp.vertex_ai", "claude-opus-4", Provider.ANTHROPIC),
        ("vertex_ai", "mistral-large", Provider.MISTRAL),
        ("groq", "llama-3.3-70b", Provider.CUSTOM),
        ("openrouter", "anthropic/claude-sonnet-4", Provider.ANTHROPIC),
        ("aws.bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0", Provider.CUSTOM),
        ("strands-agents", "gpt-4o-mini", Provider.OPENAI),
        ("langchain", None, Provider.CUSTOM),
        ("cohere", "command-r", Provider.CUSTOM),
        ("acme-llm", "gpt-4o", Provider.CUSTOM),
        (None, "gpt-4o-mini", Provider.OPENAI),
        (None, "o3-mini", Provider.OPENAI),
        (None, "openai/gpt-oss-120b", Provider.CUSTOM),
        (None, "claude-3-haiku", Provider.ANTHROPIC),
        (None, "mixtral-8x7b", Provider.MISTRAL),
        (None, "house-llm-8b", Provider.CUSTOM),
        (None, None, Provider.CUSTOM),
        ("", "", Provider.CUSTOM),
    ],
)
def test_provider_is_told_by_its_name_or_the_models(
    provider_name: str | None, model: str | None, provider: Provider
) -> None:
    """A known name decides; where a host serves many models, or none is named, the model's name does."""
    assert provider_of(provider_name, model) is provider


def test_name_without_end_is_looked_at_in_part() -> None:
    """A name longer than names are is judged by its beginning, so it costs nothing and nothing keeps it."""
    endless = "gpt-4o" + "x" * 10_000_000

    assert kept_bytes_of(lambda: provider_of("o" * 10_000_000, endless)) < 100_000
    assert provider_of(None, endless) is Provider.OPENAI
