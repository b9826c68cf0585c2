"""Laminar's own attributes."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

LAMINAR = Dialect(
    name="Laminar",
    capture=(CaptureSwitch("LMNR_TRACE_CONTENT=true", note=ON_UNLESS_OFF),),
    kind=(
        Reading(
            "lmnr.span.type",
            kinds(
                {
                    "llm": StepKind.LLM,
                    "tool": StepKind.TOOL,
                    "cached": StepKind.LLM,
                    "evaluator": StepKind.EVALUATION,
                    "human_evaluator": StepKind.EVALUATION,
                    "evaluation": StepKind.EVALUATION,
                    "default": StepKind.CHAIN,
                    "executor": StepKind.CHAIN,
                    "pipeline": StepKind.CHAIN,
                }
            ),
        ),
    ),
    input=(Reading("lmnr.span.input", read_value),),
    output=(Reading("lmnr.span.output", read_value),),
)
