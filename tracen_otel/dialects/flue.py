"""Flue before its OTel GenAI time: turns, tools, tasks, operations and workflows, told apart by the keys they have."""

from __future__ import annotations

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import CaptureSwitch, Where
from tracen_otel.dialects.readings import answered, kinds, means
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_TOOL_NAME = "flue.tool.name"
_TASK_AGENT = "flue.task.agent"
_KIND_BY_OPERATION = {
    "prompt": StepKind.AGENT,
    "skill": StepKind.AGENT,
    "task": StepKind.AGENT,
    "shell": StepKind.TOOL,
}

FLUE = Dialect(
    name="Flue",
    capture=(
        CaptureSwitch(
            "createOpenTelemetryInstrumentation({ content: { enabled: true } })",
            Where.CODE,
            "In releases that speak OTel GenAI; before, `exportContent` decided.",
        ),
    ),
    kind=(
        Reading(_TOOL_NAME, means(StepKind.TOOL)),
        Reading(_TASK_AGENT, means(StepKind.AGENT)),
        Reading("flue.task.prompt", means(StepKind.AGENT)),
        Reading("flue.operation.kind", kinds(_KIND_BY_OPERATION)),
        Reading("flue.workflow.name", means(StepKind.CHAIN)),
    ),
    tool_name=(Reading(_TOOL_NAME),),
    input=(
        Reading("flue.turn.input", read_value),
        Reading("flue.tool.arguments", read_value),
        Reading("flue.tool.call.arguments", read_value),
        Reading("flue.task.prompt", read_value),
        Reading("flue.workflow.payload", read_value),
    ),
    output=(
        Reading("flue.turn.output", answered),
        Reading("flue.tool.result", read_value),
        Reading("flue.tool.call.result", read_value),
        Reading("flue.task.result", read_value),
        Reading("flue.operation.result", read_value),
        Reading("flue.workflow.result", read_value),
    ),
)
