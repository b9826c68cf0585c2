"""Langtrace's older keys; its newer releases speak OTel GenAI."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.usage import read_usage

LANGTRACE = Dialect(
    name="Langtrace",
    capture=(
        CaptureSwitch(
            "TRACE_PROMPT_COMPLETION_DATA=true", note="In Python, where it is on unless it is off."
        ),
    ),
    input=(Reading("llm.prompts", read_value),),
    output=(Reading("llm.responses", read_value),),
    usage=(Reading("llm.token.counts", read_usage),),
)
