"""OpenLIT: OTel GenAI keys and events; its own are plain function spans and tool arguments."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.table import Dialect, Reading

OPENLIT = Dialect(
    name="OpenLIT",
    input=(Reading("gen_ai.tool.args", read_value),),
)
