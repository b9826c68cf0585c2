"""Google's Agent Development Kit: whole requests and responses as JSON, beside OTel GenAI keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_value
from tracen_otel.dialects.readings import usage_in
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.messages import read_messages
from tracen_otel.model import Message

_REQUEST = "gcp.vertex.agent.llm_request"
_RESPONSE = "gcp.vertex.agent.llm_response"


def _system(value: Any) -> tuple[Message, ...] | None:
    body = decode_json(value)
    config = body.get("config") if isinstance(body, Mapping) else None
    instruction = config.get("system_instruction") if isinstance(config, Mapping) else None
    return read_messages(instruction, "system") or None


GOOGLE_ADK = Dialect(
    name="Google ADK",
    system=(Reading(_REQUEST, _system),),
    input=(
        Reading(_REQUEST, read_value),
        Reading("gcp.vertex.agent.tool_call_args", read_value),
        Reading("gcp.vertex.agent.data", read_value),
    ),
    output=(Reading(_RESPONSE, read_value), Reading("gcp.vertex.agent.tool_response", read_value)),
    usage=(Reading(_RESPONSE, usage_in("usage_metadata")),),
)
