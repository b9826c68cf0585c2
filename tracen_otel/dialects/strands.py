"""Strands Agents: OTel GenAI events with Bedrock messages; its own are cycles and the agent's system prompt."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import instructed, means, on_event
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_SCOPES = ("strands.",)

STRANDS = Dialect(
    name="Strands Agents",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch(
            "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_unredacted_attributes=gen_ai.*",
            note="On unless this variable has a shorter list of unredacted attributes.",
        ),
    ),
    kind=(
        Reading("event_loop.cycle_id", means(StepKind.CHAIN)),
        Reading("agent_loop.cycle_id", means(StepKind.CHAIN)),  # in JavaScript
    ),
    system=(Reading("system_prompt", instructed), Reading("gen_ai.agent.system_prompt", instructed)),
    output=(Reading("tool.result", read_value, on_event("gen_ai.choice")),),
)
