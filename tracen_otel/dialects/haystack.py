"""Haystack's own tracer: pipelines, components and agents; a component's class tells its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracen_otel.attributes import decode_json, read_text, read_value
from tracen_otel.dialects.capture import CaptureSwitch
from tracen_otel.dialects.readings import kinds, means, span_name
from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.model import StepKind, Usage
from tracen_otel.usage import read_usage

_KIND_BY_SUFFIX = {
    "Generator": StepKind.LLM,
    "Retriever": StepKind.RETRIEVAL,
    "Embedder": StepKind.EMBEDDING,
    "Ranker": StepKind.RERANK,
    "ToolInvoker": StepKind.TOOL,
    "Agent": StepKind.AGENT,
    "Evaluator": StepKind.EVALUATION,
}
_KIND_BY_SPAN_NAME = {
    "haystack.pipeline.run": StepKind.CHAIN,
    "haystack.agent.run": StepKind.AGENT,
    "haystack.agent.step": StepKind.CHAIN,
    "haystack.agent.step.llm": StepKind.LLM,
    "haystack.agent.step.tool": StepKind.TOOL,
}
_OUTPUT = "haystack.component.output"
_LLM_INPUT = "haystack.agent.step.llm.input"
_LLM_OUTPUT = "haystack.agent.step.llm.output"
_TOOL_NAME = "haystack.tool.name"


def _kind(value: Any) -> StepKind:
    name = read_text(value) or ""
    return next((kind for suffix, kind in _KIND_BY_SUFFIX.items() if name.endswith(suffix)), StepKind.CHAIN)


def _metas(value: Any) -> Iterator[Mapping[str, Any]]:
    """What a generator tells about its replies: `meta` in chat messages, beside the replies that are texts."""
    output = decode_json(value)
    if not isinstance(output, Mapping):
        return
    replies, metas = output.get("replies"), output.get("meta")
    for item in replies if isinstance(replies, list) else ():
        if isinstance(item, Mapping) and isinstance(meta := item.get("meta") or item.get("_meta"), Mapping):
            yield meta
    for meta in metas if isinstance(metas, list) else ():
        if isinstance(meta, Mapping):
            yield meta


def _usage(value: Any) -> Usage | None:
    """The call's usage, which every one of its replies repeats."""
    return next((usage for meta in _metas(value) if (usage := read_usage(meta.get("usage")))), None)


def _model(value: Any) -> str | None:
    return next((model for meta in _metas(value) if (model := read_text(meta.get("model")))), None)


def _tools(value: Any) -> str | None:
    """The tools that an invoker ran (Haystack 2), out of the calls that its results answer."""
    output = decode_json(value)
    told = output.get("tool_messages") if isinstance(output, Mapping) else None
    parts = [p for m in told if isinstance(m, Mapping) for p in _parts(m)] if isinstance(told, list) else []
    names = (_inside(part, "tool_call_result", "origin", "tool_name") for part in parts)
    return ", ".join(str(name) for name in names if name) or None


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content") or message.get("_content")
    return content if isinstance(content, list) else []


def _inside(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


HAYSTACK = Dialect(
    name="Haystack",
    capture=(CaptureSwitch("HAYSTACK_CONTENT_TRACING_ENABLED=true"),),
    kind=(
        Reading("haystack.component.type", _kind),
        Reading(_LLM_INPUT, means(StepKind.LLM)),
        Reading(_TOOL_NAME, means(StepKind.TOOL)),
        Reading("haystack.agent.step", means(StepKind.CHAIN)),
        Reading("haystack.agent.max_steps", means(StepKind.AGENT)),
        Reading("haystack.pipeline.max_runs_per_component", means(StepKind.CHAIN)),
        Reading("(span name)", kinds(_KIND_BY_SPAN_NAME), span_name),
    ),
    label=(Reading("haystack.component.name"),),
    tool_name=(Reading(_TOOL_NAME), Reading(_OUTPUT, _tools)),
    input=(
        Reading("haystack.component.input", read_value),
        Reading(_LLM_INPUT, read_value),
        Reading("haystack.agent.step.tool.input", read_value),
        Reading("haystack.agent.input", read_value),
        Reading("haystack.pipeline.input_data", read_value),
    ),
    output=(
        Reading(_OUTPUT, read_value),
        Reading(_LLM_OUTPUT, read_value),
        Reading("haystack.agent.step.tool.output", read_value),
        Reading("haystack.agent.output", read_value),
        Reading("haystack.pipeline.output_data", read_value),
    ),
    model=(Reading(_OUTPUT, _model), Reading(_LLM_OUTPUT, _model)),
    usage=(Reading(_OUTPUT, _usage), Reading(_LLM_OUTPUT, _usage)),
)
