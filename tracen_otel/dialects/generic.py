"""What any program may write by hand: plain words, HTTP and database spans. The last resort."""

from tracen_otel.attributes import read_integer, read_json
from tracen_otel.dialects.table import Dialect, Reading, means
from tracen_otel.model import StepKind

_LLM_MODEL = "llm.model"

GENERIC = Dialect(
    name="Generic",
    kind=(
        Reading(_LLM_MODEL, means(StepKind.LLM)),
        Reading("http.request.method", means(StepKind.HTTP)),
        Reading("http.method", means(StepKind.HTTP)),
        Reading("db.system.name", means(StepKind.DB)),
        Reading("db.system", means(StepKind.DB)),
    ),
    input=(
        Reading("input", read_json),
        Reading("inputs", read_json),
        Reading("llm.prompt", read_json),
        Reading("prompt", read_json),
    ),
    output=(
        Reading("output", read_json),
        Reading("outputs", read_json),
        Reading("llm.completion", read_json),
        Reading("completion", read_json),
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
