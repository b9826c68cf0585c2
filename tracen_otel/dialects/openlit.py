"""OpenLIT: OTel GenAI keys and events; its own are tools and agents."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch, Where
from tracen_otel.dialects.table import Dialect, Reading

_SCOPES = ("openlit",)

OPENLIT = Dialect(
    name="OpenLIT",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("openlit.init(capture_message_content=True)", Where.CODE, ON_UNLESS_OFF),
        CaptureSwitch(
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
            note="Where this is false, content is off.",
        ),
    ),
    input=(Reading("gen_ai.tool.args", read_value), Reading("gen_ai.agent.human_input")),
    output=(Reading("gen_ai.agent.actual_output", read_value),),
)
