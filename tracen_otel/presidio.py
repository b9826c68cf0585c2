"""Microsoft Presidio as a redaction hook: names of people, phone numbers … beside secrets. Wants the extra `presidio`.

TracenSpanExporter(redact=presidio_hook())                                    # patterns alone, no model
TracenSpanExporter(redact=presidio_hook(AnalyzerEngine(), ["PERSON"]))        # with the model that is installed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerResult

ENTITIES = (
    *("EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE", "CREDIT_CARD", "CRYPTO", "IP_ADDRESS"),
    *("US_SSN", "US_PASSPORT", "US_BANK_NUMBER", "UK_NHS", "MEDICAL_LICENSE"),
)
"""What patterns and check digits alone can tell; people, places and dates take a language model."""
MIN_SCORE = 0.4
_SHORT = 64
"""Characters: names of models and roles are on every span, and analysed once."""
_MAX_TEXT = 100_000
"""Characters that are analysed at once: language models take a gigabyte for a million."""


def presidio_hook(
    analyzer: AnalyzerEngine | None = None,
    entities: Sequence[str] = ENTITIES,
    *,
    language: str = "en",
    min_score: float = MIN_SCORE,
) -> Callable[[str], str]:
    """Make a hook for `redact=` that masks `entities` in every text.

    Without an `analyzer` it is one that loads no language model: nothing is downloaded, and a short text takes
    some milliseconds. Raises ImportError where presidio-analyzer is not installed.
    """
    engine = analyzer or _without_model(language)
    wanted = list(entities)

    def hook(text: str) -> str:
        return of_short(text) if len(text) <= _SHORT else analysed(text)

    def analysed(text: str) -> str:
        parts = (text[at : at + _MAX_TEXT] for at in range(0, len(text), _MAX_TEXT))
        return "".join(
            _masked(
                part, engine.analyze(text=part, language=language, entities=wanted, score_threshold=min_score)
            )
            for part in parts
        )

    of_short = lru_cache(maxsize=4096)(analysed)
    return hook


def _masked(text: str, results: Sequence[RecognizerResult]) -> str:
    """The text with what was recognised replaced; of results that overlap, the first and longest one speaks."""
    pieces: list[str] = []
    at = 0
    for result in sorted(results, key=lambda r: (r.start, -r.end)):
        if result.start >= at:
            pieces += (text[at : result.start], f"[masked: {result.entity_type.lower().replace('_', ' ')}]")
            at = result.end
    return "".join((*pieces, text[at:]))


def _without_model(language: str) -> AnalyzerEngine:
    """An analyzer whose patterns are Presidio's, and whose language model knows words and nothing else."""
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError as error:
        raise ImportError(
            "redact: presidio_hook needs presidio-analyzer: pip install 'tracen-otel[presidio]'"
        ) from error

    engine = SpacyNlpEngine()
    engine.nlp = {language: spacy.blank(language)}  # as if loaded: a model would be downloaded otherwise
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
