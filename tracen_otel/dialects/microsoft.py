"""Microsoft Agent Framework and Semantic Kernel: OTel GenAI keys; their own are workflows and loops."""

from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import means
from tracen_otel.dialects.table import Dialect, Reading, from_scope
from tracen_otel.model import StepKind

_SCOPES = ("agent_framework", "semantic_kernel")

MICROSOFT = Dialect(
    name="Microsoft Agent Framework and Semantic Kernel",
    applies=from_scope(*_SCOPES),
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("ENABLE_SENSITIVE_DATA=true", note="Agent Framework, in Python."),
        CaptureSwitch(
            "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",
            note="Semantic Kernel.",
        ),
    ),
    kind=(
        Reading("workflow.id", means(StepKind.CHAIN)),
        Reading("executor.id", means(StepKind.CHAIN)),
        Reading("sk.available_functions", means(StepKind.CHAIN)),
    ),
)
