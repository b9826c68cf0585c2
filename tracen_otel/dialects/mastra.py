"""Mastra's exporters: version 0 with plain `input` and `output`, version 1 with keys per kind of span."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_KIND_BY_TYPE = {
    "agent_run": StepKind.AGENT,
    "model_generation": StepKind.LLM,
    "llm_generation": StepKind.LLM,
    "model_inference": StepKind.LLM,
    "model_chunk": StepKind.OTHER,
    "tool_call": StepKind.TOOL,
    "mcp_tool_call": StepKind.TOOL,
    "workflow_run": StepKind.CHAIN,
    "workflow_step": StepKind.CHAIN,
}

MASTRA = Dialect(
    name="Mastra",
    kind=(Reading("mastra.span.type", kinds(_KIND_BY_TYPE)),),
    input=(
        Reading("mastra.agent_run.input", read_value),
        Reading("mastra.model_generation.input", read_value),
        Reading("mastra.model_step.input", read_value),
        Reading("mastra.workflow_run.input", read_value),
        Reading("mastra.workflow_step.input", read_value),
        Reading("gen_ai.tool.input", read_value),
    ),
    output=(
        Reading("mastra.agent_run.output", read_value),
        Reading("mastra.model_generation.output", read_value),
        Reading("mastra.model_step.output", read_value),
        Reading("mastra.model_chunk.output", read_value),
        Reading("mastra.workflow_run.output", read_value),
        Reading("mastra.workflow_step.output", read_value),
        Reading("gen_ai.tool.output", read_value),
    ),
)
