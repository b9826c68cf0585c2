"""LangSmith's OpenTelemetry export; inputs and outputs are under the old OTel GenAI keys."""

from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind
from tracen_otel.usage import read_usage

_SCOPES = ("langsmith",)

LANGSMITH = Dialect(
    name="LangSmith",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("LANGSMITH_HIDE_INPUTS=false", note=ON_UNLESS_OFF),
        CaptureSwitch("LANGSMITH_HIDE_OUTPUTS=false", note=ON_UNLESS_OFF),
    ),
    kind=(
        Reading(
            "langsmith.span.kind",
            kinds(
                {
                    "llm": StepKind.LLM,
                    "chain": StepKind.CHAIN,
                    "prompt": StepKind.CHAIN,
                    "parser": StepKind.CHAIN,
                    "tool": StepKind.TOOL,
                    "retriever": StepKind.RETRIEVAL,
                    "embedding": StepKind.EMBEDDING,
                }
            ),
        ),
    ),
    provider_name=(Reading("langsmith.metadata.ls_provider"),),
    usage=(Reading("langsmith.metadata.usage_metadata", read_usage),),
)
