"""What any program may write by hand: plain words, HTTP and database spans. The last resort."""

from tracen_otel.attributes import read_integer, read_value
from tracen_otel.dialects.readings import kind_of_model, kinds, means
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind

_LLM_MODEL = "llm.model"
_KIND_BY_SPAN_TYPE = {
    "llm": StepKind.LLM,
    "agent": StepKind.AGENT,
    "tool": StepKind.TOOL,
    "retrieval": StepKind.RETRIEVAL,
    "embedding": StepKind.EMBEDDING,
    "flow": StepKind.CHAIN,
    "function": StepKind.CHAIN,
}

GENERIC = Dialect(
    name="Generic",
    kind=(
        Reading(_LLM_MODEL, kind_of_model),
        Reading("span_type", kinds(_KIND_BY_SPAN_TYPE)),
        Reading("http.request.method", means(StepKind.HTTP)),
        Reading("http.method", means(StepKind.HTTP)),
        Reading("db.system.name", means(StepKind.DB)),
        Reading("db.system", means(StepKind.DB)),
        Reading("http.url", means(StepKind.HTTP)),
    ),
    input=(
        Reading("input", read_value),
        Reading("inputs", read_value),
        Reading("llm.prompt", read_value),
        Reading("prompt", read_value),
    ),
    output=(
        Reading("output", read_value),
        Reading("outputs", read_value),
        Reading("llm.completion", read_value),
        Reading("completion", read_value),
    ),
    model=(Reading(_LLM_MODEL), Reading("model"), Reading("model_name")),
    input_tokens=(
        Reading("llm.usage.prompt_tokens", read_integer),
        Reading("llm.tokens.in", read_integer),
        Reading("input_tokens", read_integer),
        Reading("prompt_tokens", read_integer),
    ),
    output_tokens=(
        Reading("llm.usage.completion_tokens", read_integer),
        Reading("llm.tokens.out", read_integer),
        Reading("output_tokens", read_integer),
        Reading("completion_tokens", read_integer),
    ),
)
