"""AgentOps: OTel GenAI and OpenLLMetry keys; its own are the kind and the entity's input and output."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

AGENTOPS = Dialect(
    name="AgentOps",
    kind=(
        Reading(
            "agentops.span.kind",
            kinds(
                {
                    "llm": StepKind.LLM,
                    "agent": StepKind.AGENT,
                    "tool": StepKind.TOOL,
                    "session": StepKind.CHAIN,
                    "workflow": StepKind.CHAIN,
                    "operation": StepKind.CHAIN,
                    "task": StepKind.CHAIN,
                    "guardrail": StepKind.GUARDRAIL,
                }
            ),
        ),
    ),
    input=(Reading("agentops.entity.input", read_value),),
    output=(Reading("agentops.entity.output", read_value),),
)
