"""DIALECTS in order of precedence: the first table whose reading says something wins, field by field.

Vendors' explicit keys, then conventions with a marker of their own, then the common one, then plain words.
To add a dialect, write its table in a file here and name it below.
"""

from collections.abc import Iterable

from tracen_otel.dialects.agentops import AGENTOPS
from tracen_otel.dialects.braintrust import BRAINTRUST
from tracen_otel.dialects.capture import CaptureSwitch, Where
from tracen_otel.dialects.claude_code import CLAUDE_CODE
from tracen_otel.dialects.crewai import CREWAI
from tracen_otel.dialects.flue import FLUE
from tracen_otel.dialects.gemini_cli import GEMINI_CLI
from tracen_otel.dialects.generic import GENERIC
from tracen_otel.dialects.genkit import GENKIT
from tracen_otel.dialects.google_adk import GOOGLE_ADK
from tracen_otel.dialects.haystack import HAYSTACK
from tracen_otel.dialects.laminar import LAMINAR
from tracen_otel.dialects.langfuse import LANGFUSE
from tracen_otel.dialects.langsmith import LANGSMITH
from tracen_otel.dialects.langtrace import LANGTRACE
from tracen_otel.dialects.langwatch import LANGWATCH
from tracen_otel.dialects.litellm import LITELLM
from tracen_otel.dialects.livekit import LIVEKIT
from tracen_otel.dialects.logfire import LOGFIRE
from tracen_otel.dialects.mastra import MASTRA
from tracen_otel.dialects.microsoft import MICROSOFT
from tracen_otel.dialects.mlflow import MLFLOW
from tracen_otel.dialects.openinference import OPENINFERENCE
from tracen_otel.dialects.openlit import OPENLIT
from tracen_otel.dialects.openllmetry import OPENLLMETRY
from tracen_otel.dialects.otel_genai import OTEL_GENAI
from tracen_otel.dialects.pipecat import PIPECAT
from tracen_otel.dialects.sentry import SENTRY
from tracen_otel.dialects.spring_ai import SPRING_AI
from tracen_otel.dialects.strands import STRANDS
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.dialects.vercel_ai import VERCEL_AI
from tracen_otel.dialects.voltagent import VOLTAGENT
from tracen_otel.dialects.weave import WEAVE

__all__ = ["DIALECTS", "CaptureSwitch", "Dialect", "Reading", "Where", "capture_switches"]

DIALECTS: tuple[Dialect, ...] = (
    LANGFUSE,
    LAMINAR,
    MLFLOW,
    LANGSMITH,
    BRAINTRUST,
    LANGWATCH,
    WEAVE,
    VERCEL_AI,
    LOGFIRE,
    MASTRA,
    GOOGLE_ADK,
    CREWAI,
    MICROSOFT,
    GENKIT,
    HAYSTACK,
    CLAUDE_CODE,
    GEMINI_CLI,
    LIVEKIT,
    PIPECAT,
    VOLTAGENT,
    FLUE,
    SPRING_AI,
    SENTRY,
    AGENTOPS,
    OPENINFERENCE,
    OPENLLMETRY,
    OTEL_GENAI,
    STRANDS,
    LITELLM,
    LANGTRACE,
    OPENLIT,
    GENERIC,
)


def capture_switches(
    labels: Iterable[str], scopes: Iterable[str] = ()
) -> list[tuple[str, tuple[CaptureSwitch, ...]]]:
    """Tell how content is switched on, a vendor's own switch before the common ones.

    For the dialects to which instrumentation scopes of these names belong; where they belong to none, for the
    dialects of these labels. Names may repeat and may be unknown; a dialect that has no switch is left out.
    """
    told, named = set(labels), tuple(scopes)
    made = [d for d in DIALECTS if d.capture and any(scope.startswith(d.scopes) for scope in named)]
    return [(d.name, d.capture) for d in made or [d for d in DIALECTS if d.capture and d.name in told]]
