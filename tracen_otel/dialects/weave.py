"""Weave: plain `inputs` and `outputs`; its own are a kind and a name to display."""

from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch, Where
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

WEAVE = Dialect(
    name="Weave",
    capture=(CaptureSwitch("weave.start_conversation(include_content=True)", Where.CODE, ON_UNLESS_OFF),),
    kind=(
        Reading(
            "weave.span.kind",
            kinds(
                {
                    "llm": StepKind.LLM,
                    "agent": StepKind.AGENT,
                    "tool": StepKind.TOOL,
                    "chain": StepKind.CHAIN,
                    "retriever": StepKind.RETRIEVAL,
                    "embedding": StepKind.EMBEDDING,
                }
            ),
        ),
    ),
    label=(Reading("wandb.display_name"),),
)
