"""LiteLLM: OTel GenAI and OpenLLMetry keys; its own are the call as the provider saw it, as Python literals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tracen_otel.attributes import read_text
from tracen_otel.dialects.capture import ON_UNLESS_OFF, CaptureSwitch, Where
from tracen_otel.dialects.readings import answered, asked, instructed, kind_of_model, means
from tracen_otel.dialects.table import Dialect, OfKeys, Reading
from tracen_otel.literals import decode_literal
from tracen_otel.model import Message, Span, StepKind, Usage
from tracen_otel.usage import read_usage

_RAW_REQUEST = "raw_gen_ai_request"


def _raw(field: str) -> OfKeys:
    """Look for `llm.<provider>.<field>` on the span that tells of the provider's own request."""
    pattern = re.compile(rf"llm\.\w+\.{field}")

    def find(span: Span, key: str) -> Any:
        if span.name != _RAW_REQUEST:
            return None
        return next((value for name, value in span.attributes.items() if pattern.fullmatch(name)), None)

    return OfKeys(find, lambda keys: any(map(pattern.fullmatch, keys)))


def _asked(value: Any) -> tuple[Message, ...] | None:
    return asked(decode_literal(value))


def _answered(value: Any) -> tuple[Message, ...] | None:
    """A reply's choices, or the content of the one turn it is (Anthropic)."""
    told = decode_literal(value)
    is_content = isinstance(told, list) and all(isinstance(i, Mapping) and "type" in i for i in told)
    return answered({"role": "assistant", "content": told} if is_content else told)


def _instructed(value: Any) -> tuple[Message, ...] | None:
    return instructed(decode_literal(value))


def _usage(value: Any) -> Usage | None:
    return read_usage(decode_literal(value))


_SCOPES = ("litellm",)

LITELLM = Dialect(
    name="LiteLLM",
    scopes=_SCOPES,
    capture=(
        CaptureSwitch("litellm.turn_off_message_logging = False", Where.CODE, ON_UNLESS_OFF),
        CaptureSwitch(
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT",
            note="In newer releases, where this variable has a say of its own.",
        ),
    ),
    kind=(
        Reading("llm.*.model", kind_of_model, _raw("model")),
        Reading("llm.*.messages", means(StepKind.LLM), _raw("messages")),
    ),
    system=(Reading("llm.*.system", _instructed, _raw("system")),),
    input=(Reading("llm.*.messages", _asked, _raw("messages")),),
    output=(
        Reading("llm.*.choices", _answered, _raw("choices")),
        Reading("llm.*.content", _answered, _raw("content")),
        Reading("llm.*.output", _answered, _raw("output")),
    ),
    model=(Reading("llm.*.model", read_text, _raw("model")),),
    provider_name=(Reading("error.llm_provider"),),
    usage=(Reading("metadata.usage_object", _usage), Reading("llm.*.usage", _usage, _raw("usage"))),
    response_id=(Reading("llm.*.id", read_text, _raw("id")),),
)
