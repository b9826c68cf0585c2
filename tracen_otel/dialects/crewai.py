"""CrewAI as OpenLLMetry tells it: crews, tasks and agents by keys of their own, without the models' calls."""

from __future__ import annotations

from typing import Any

from tracen_otel.dialects.readings import means
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.literals import decode_literal
from tracen_otel.model import StepKind, Usage
from tracen_otel.usage import read_usage


def _usage(value: Any) -> Usage | None:
    return read_usage(decode_literal(value))


CREWAI = Dialect(
    name="CrewAI",
    kind=(
        Reading("crewai.crew.id", means(StepKind.CHAIN)),
        Reading("crewai.task.id", means(StepKind.CHAIN)),
        Reading("crewai.agent.id", means(StepKind.AGENT)),
    ),
    input=(Reading("crewai.task.description"),),
    model=(Reading("crewai.agent.llm"),),
    usage=(Reading("crewai.crew.usage_metrics", _usage),),
)
