"""OpenLIT: OTel GenAI keys and events; its own are tools and agents."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.table import Dialect, Reading

OPENLIT = Dialect(
    name="OpenLIT",
    input=(Reading("gen_ai.tool.args", read_value), Reading("gen_ai.agent.human_input")),
    output=(Reading("gen_ai.agent.actual_output", read_value),),
)
