"""DIALECTS in order of precedence: the first table whose reading says something wins, field by field.

Vendors' explicit keys, then conventions with a marker of their own, then the common one, then plain words.
To add a dialect, write its table in a file here and name it below.
"""

from tracen_otel.dialects.generic import GENERIC
from tracen_otel.dialects.langfuse import LANGFUSE
from tracen_otel.dialects.langsmith import LANGSMITH
from tracen_otel.dialects.litellm import LITELLM
from tracen_otel.dialects.logfire import LOGFIRE
from tracen_otel.dialects.mastra import MASTRA
from tracen_otel.dialects.mlflow import MLFLOW
from tracen_otel.dialects.openinference import OPENINFERENCE
from tracen_otel.dialects.openlit import OPENLIT
from tracen_otel.dialects.openllmetry import OPENLLMETRY
from tracen_otel.dialects.otel_genai import OTEL_GENAI
from tracen_otel.dialects.strands import STRANDS
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.dialects.vercel_ai import VERCEL_AI

__all__ = ["DIALECTS", "Dialect", "Reading"]

DIALECTS: tuple[Dialect, ...] = (
    LANGFUSE,
    MLFLOW,
    LANGSMITH,
    VERCEL_AI,
    LOGFIRE,
    MASTRA,
    OPENINFERENCE,
    OPENLLMETRY,
    OTEL_GENAI,
    STRANDS,
    LITELLM,
    OPENLIT,
    GENERIC,
)
