"""Braintrust's own attributes."""

from tracen_otel.attributes import read_integer, read_value
from tracen_otel.dialects.readings import field_of, kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind
from tracen_otel.usage import read_usage

_KIND_BY_TYPE = {
    "llm": StepKind.LLM,
    "tool": StepKind.TOOL,
    "function": StepKind.CHAIN,
    "task": StepKind.CHAIN,
    "score": StepKind.EVALUATION,
    "eval": StepKind.EVALUATION,
}
_type_name = field_of("type")
_type_kind = kinds(_KIND_BY_TYPE)

BRAINTRUST = Dialect(
    name="Braintrust",
    kind=(Reading("braintrust.span_attributes", lambda value: _type_kind(_type_name(value))),),
    input=(Reading("braintrust.input_json", read_value), Reading("braintrust.input", read_value)),
    output=(Reading("braintrust.output_json", read_value), Reading("braintrust.output", read_value)),
    model=(Reading("braintrust.metadata.model"), Reading("braintrust.metadata", field_of("model"))),
    input_tokens=(Reading("braintrust.metrics.prompt_tokens", read_integer),),
    output_tokens=(Reading("braintrust.metrics.completion_tokens", read_integer),),
    cache_read_tokens=(Reading("braintrust.metrics.prompt_cached_tokens", read_integer),),
    cache_write_tokens=(Reading("braintrust.metrics.prompt_cache_creation_tokens", read_integer),),
    reasoning_tokens=(Reading("braintrust.metrics.completion_reasoning_tokens", read_integer),),
    usage=(Reading("braintrust.metrics", read_usage),),
)
