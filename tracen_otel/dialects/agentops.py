"""AgentOps: OTel GenAI and OpenLLMetry keys; its own are the kind, and input and output under the kind's name."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_NAME = {
    "llm": StepKind.LLM,
    "agent": StepKind.AGENT,
    "tool": StepKind.TOOL,
    "session": StepKind.CHAIN,
    "workflow": StepKind.CHAIN,
    "operation": StepKind.CHAIN,
    "task": StepKind.CHAIN,
    "chain": StepKind.CHAIN,
    "guardrail": StepKind.GUARDRAIL,
    "http": StepKind.HTTP,
}
_ENTITIES = ("entity", *_KIND_BY_NAME)

AGENTOPS = Dialect(
    name="AgentOps",
    capture=(
        CaptureSwitch(
            "TRACELOOP_TRACE_CONTENT=true", note="Read by its instrumentation of OpenAI; on unless it is off."
        ),
    ),
    kind=(Reading("agentops.span.kind", kinds(_KIND_BY_NAME)),),
    input=tuple(Reading(f"agentops.{entity}.input", read_value) for entity in _ENTITIES),
    output=tuple(Reading(f"agentops.{entity}.output", read_value) for entity in _ENTITIES),
)
