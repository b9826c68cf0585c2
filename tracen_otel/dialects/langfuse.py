"""Langfuse's own attributes (its SDKs 3 and later are OpenTelemetry)."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.table import Dialect, Reading, kinds
from tracen_otel.model import StepKind
from tracen_otel.usage import read_usage

LANGFUSE = Dialect(
    name="Langfuse",
    kind=(
        Reading(
            "langfuse.observation.type",
            kinds(
                {
                    "generation": StepKind.LLM,
                    "embedding": StepKind.EMBEDDING,
                    "agent": StepKind.AGENT,
                    "tool": StepKind.TOOL,
                    "chain": StepKind.CHAIN,
                    "span": StepKind.CHAIN,
                    "retriever": StepKind.RETRIEVAL,
                    "guardrail": StepKind.GUARDRAIL,
                    "evaluator": StepKind.EVALUATION,
                }
            ),
        ),
    ),
    input=(Reading("langfuse.observation.input", read_value), Reading("langfuse.trace.input", read_value)),
    output=(Reading("langfuse.observation.output", read_value), Reading("langfuse.trace.output", read_value)),
    model=(Reading("langfuse.observation.model.name"),),
    usage=(Reading("langfuse.observation.usage_details", read_usage),),
    error_message=(Reading("langfuse.observation.status_message"),),
)
