"""MLflow Tracing's own attributes. Every value is JSON, also a plain name."""

from tracen_otel.attributes import read_value
from tracen_otel.dialects.readings import kinds
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind
from tracen_otel.usage import read_usage

MLFLOW = Dialect(
    name="MLflow",
    kind=(
        Reading(
            "mlflow.spanType",
            kinds(
                {
                    "llm": StepKind.LLM,
                    "chat_model": StepKind.LLM,
                    "agent": StepKind.AGENT,
                    "chain": StepKind.CHAIN,
                    "workflow": StepKind.CHAIN,
                    "task": StepKind.CHAIN,
                    "parser": StepKind.CHAIN,
                    "tool": StepKind.TOOL,
                    "retriever": StepKind.RETRIEVAL,
                    "reranker": StepKind.RERANK,
                    "embedding": StepKind.EMBEDDING,
                    "guardrail": StepKind.GUARDRAIL,
                    "evaluator": StepKind.EVALUATION,
                }
            ),
        ),
    ),
    input=(Reading("mlflow.spanInputs", read_value),),
    output=(Reading("mlflow.spanOutputs", read_value),),
    model=(Reading("mlflow.llm.model"),),
    provider_name=(Reading("mlflow.llm.provider"),),
    usage=(Reading("mlflow.chat.tokenUsage", read_usage),),
)
