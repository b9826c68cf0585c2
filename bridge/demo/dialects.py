"""How different systems tell the same act: attributes, span names and instrumentation scopes of eight dialects.

Each is as its instrumentation writes it, so that a page shows what it would show of that program.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.demo.story import INVOKED, Act, Said, text_of
from tracen_otel.model import StepKind

Attributes = dict[str, Any]

_OPERATION = {
    StepKind.LLM: "chat",
    StepKind.AGENT: "invoke_agent",
    StepKind.TOOL: "execute_tool",
    StepKind.RETRIEVAL: "retrieval",
    StepKind.EMBEDDING: "embeddings",
    StepKind.CHAIN: "invoke_workflow",
}
_PROVIDERS = (("gpt", "openai"), ("o3", "openai"), ("claude", "anthropic"), ("gemini", "gcp.gemini"))
_MORE_PROVIDERS = (
    ("mistral", "mistral_ai"),
    ("ministral", "mistral_ai"),
    ("codestral", "mistral_ai"),
    ("text-embedding", "openai"),
)


def provider_of(model: str) -> str:
    """The OTel name of whoever serves a model; of open ones, a server of one's own."""
    return next((name for start, name in _PROVIDERS + _MORE_PROVIDERS if model.startswith(start)), "vllm")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A dialect: its instrumentation scope, what it writes of an act, and what it calls its span."""

    scope: str
    version: str
    attributes: Callable[[Act], Attributes]
    name: Callable[[Act], str] = lambda act: act.name


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _text(value: Any) -> str | None:
    return None if value is None else text_of(value)


# -- OTel's own ----------------------------------------------------------------------------------------


def _parts(said: Said) -> list[dict[str, Any]]:
    if "call_id" in said:
        return [{"type": "tool_call_response", "id": said["call_id"], "response": said["content"]}]
    text = [{"type": "text", "content": said["content"]}] if said.get("content") else []
    return text + [{"type": "tool_call", **asked} for asked in said.get("calls", ())]


def _messages(said: Sequence[Said]) -> str:
    return _json([{"role": m["role"], "parts": _parts(m)} for m in said])


def _otel(act: Act) -> Attributes:
    told: Attributes = {"gen_ai.operation.name": _OPERATION.get(act.kind)}
    if act.kind is StepKind.LLM:
        told["gen_ai.input.messages"] = _messages(act.said)
        told["gen_ai.output.messages"] = _messages([act.answer]) if act.answer else None
    elif act.kind is StepKind.TOOL:
        told["gen_ai.tool.name"] = act.name
        told["gen_ai.tool.call.arguments"] = _text(act.input)
        told["gen_ai.tool.call.result"] = _text(act.output)
    elif act.kind is StepKind.RETRIEVAL:
        told["gen_ai.retrieval.query.text"] = _text(act.input)
        told["gen_ai.retrieval.documents"] = _text(act.output)
    elif act.kind is StepKind.AGENT:
        told["gen_ai.agent.name"] = act.name.removeprefix(INVOKED)
        told["gen_ai.input.messages"] = _messages([{"role": "user", "content": text_of(act.input)}])
        if act.output is not None:
            told["gen_ai.output.messages"] = _messages(
                [{"role": "assistant", "content": text_of(act.output)}]
            )
    else:
        told |= {"input": _text(act.input), "output": _text(act.output)}
    return told | _otel_model(act)


def _otel_model(act: Act) -> Attributes:
    if not act.model:
        return {}
    asked, answered = act.tokens
    return {
        "gen_ai.provider.name": provider_of(act.model),
        "gen_ai.request.model": act.model,
        "gen_ai.response.model": act.model if not act.error else None,
        "gen_ai.usage.input_tokens": asked or None,
        "gen_ai.usage.output_tokens": answered or None,
        "gen_ai.usage.cache_read.input_tokens": act.cached or None,
        "gen_ai.usage.reasoning.output_tokens": act.reasoning or None,
    }


def _otel_name(act: Act) -> str:
    return f"execute_tool {act.name}" if act.kind is StepKind.TOOL else act.name


# -- OpenInference -------------------------------------------------------------------------------------

_OPENINFERENCE_KIND = {
    StepKind.RETRIEVAL: "RETRIEVER",
    StepKind.RERANK: "RERANKER",
    StepKind.EVALUATION: "EVALUATOR",
    StepKind.HTTP: "TOOL",
    StepKind.DB: "TOOL",
    StepKind.OTHER: "CHAIN",
}


def _openinference(act: Act) -> Attributes:
    told: Attributes = {
        "openinference.span.kind": _OPENINFERENCE_KIND.get(act.kind, act.kind.value.upper()),
        "input.value": _text(act.input),
        "output.value": _text(act.output) if act.kind is not StepKind.RETRIEVAL else None,
        "tool.name": act.name if act.kind is StepKind.TOOL else None,
    }
    for number, document in enumerate(act.output or () if act.kind is StepKind.RETRIEVAL else ()):
        for name, value in document.items():
            told[f"retrieval.documents.{number}.document.{name}"] = value
    if not act.model:
        return told
    told |= _openinference_messages("llm.input_messages", act.said)
    told |= _openinference_messages("llm.output_messages", [act.answer] if act.answer else [])
    is_embedding = act.kind is StepKind.EMBEDDING
    return told | {
        "embedding.model_name" if is_embedding else "llm.model_name": act.model,
        "llm.provider": provider_of(act.model),
        "llm.token_count.prompt": act.tokens[0] or None,
        "llm.token_count.completion": act.tokens[1] or None,
        "llm.token_count.prompt_details.cache_read": act.cached or None,
        "llm.token_count.completion_details.reasoning": act.reasoning or None,
    }


def _openinference_messages(prefix: str, said: Sequence[Said]) -> Attributes:
    told: Attributes = {}
    for number, m in enumerate(said):
        key = f"{prefix}.{number}.message"
        told |= {f"{key}.role": m["role"], f"{key}.content": m.get("content") or None}
        told[f"{key}.tool_call_id"] = m.get("call_id")
        for n, asked in enumerate(m.get("calls", ())):
            told[f"{key}.tool_calls.{n}.tool_call.id"] = asked["id"]
            told[f"{key}.tool_calls.{n}.tool_call.function.name"] = asked["name"]
            told[f"{key}.tool_calls.{n}.tool_call.function.arguments"] = _json(asked["arguments"])
    return told


# -- OpenLLMetry ---------------------------------------------------------------------------------------


def _openllmetry(act: Act) -> Attributes:
    if act.kind is not StepKind.LLM:
        kinds = {StepKind.TOOL: "tool", StepKind.AGENT: "agent", StepKind.CHAIN: "workflow"}
        return {
            "traceloop.span.kind": kinds.get(act.kind, "task"),
            "traceloop.entity.name": act.name,
            "traceloop.entity.input": _text(act.input),
            "traceloop.entity.output": _text(act.output),
            **_otel_model(act),
        }
    told: Attributes = {"llm.request.type": "chat"}
    for prefix, said in (
        ("gen_ai.prompt", act.said),
        ("gen_ai.completion", [act.answer] if act.answer else []),
    ):
        for number, m in enumerate(said):
            told |= {f"{prefix}.{number}.role": m["role"], f"{prefix}.{number}.content": m.get("content")}
            told[f"{prefix}.{number}.tool_call_id"] = m.get("call_id")
            for n, asked in enumerate(m.get("calls", ())):
                key = f"{prefix}.{number}.tool_calls.{n}"
                told |= {f"{key}.id": asked["id"], f"{key}.name": asked["name"]}
                told[f"{key}.arguments"] = _json(asked["arguments"])
    return told | _otel_model(act)


# -- Vercel AI SDK -------------------------------------------------------------------------------------


def _vercel(act: Act) -> Attributes:
    if act.kind is StepKind.TOOL:
        told: Attributes = {
            "operation.name": "ai.toolCall",
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": act.name,
            "ai.toolCall.id": act.facts.get("gen_ai.tool.call.id"),
            "ai.toolCall.args": _text(act.input),
            "ai.toolCall.result": _text(act.output),
        }
        return told
    if act.kind is StepKind.LLM:
        return _vercel_model(act)
    if act.kind is StepKind.AGENT:
        return {
            "operation.name": "ai.generateText",
            "ai.operationId": "ai.generateText",
            "ai.prompt": _json({"prompt": act.input}),
            "ai.response.text": _text(act.output),
        }
    return {"input": _text(act.input), "output": _text(act.output), **_otel_model(act)}


def _vercel_model(act: Act) -> Attributes:
    answer = act.answer or {}
    calls = [
        {"toolCallId": asked["id"], "toolName": asked["name"], "input": asked["arguments"]}
        for asked in answer.get("calls", ())
    ]
    return {
        "operation.name": "ai.generateText.doGenerate",
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": _json([_vercel_message(m) for m in act.said]),
        "ai.response.text": answer.get("content") or None,
        "ai.response.toolCalls": _json(calls) if calls else None,
        "ai.model.id": act.model,
        "ai.model.provider": f"{provider_of(act.model).split('.')[-1]}.chat",
        "ai.usage.inputTokens": act.tokens[0] or None,
        "ai.usage.outputTokens": act.tokens[1] or None,
        "ai.usage.cachedInputTokens": act.cached or None,
        "ai.usage.reasoningTokens": act.reasoning or None,
    }


def _vercel_message(m: Said) -> dict[str, Any]:
    if "call_id" in m:
        result = {"type": "text", "value": m["content"]}
        return {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": m["call_id"], "output": result}],
        }
    text = [{"type": "text", "text": m["content"]}] if m.get("content") else []
    calls = [
        {
            "type": "tool-call",
            "toolCallId": asked["id"],
            "toolName": asked["name"],
            "input": asked["arguments"],
        }
        for asked in m.get("calls", ())
    ]
    return {"role": m["role"], "content": m["content"] if m["role"] == "system" else text + calls}


def _vercel_name(act: Act) -> str:
    names = {
        StepKind.TOOL: "ai.toolCall",
        StepKind.LLM: "ai.generateText.doGenerate",
        StepKind.AGENT: "ai.generateText",
    }
    is_named = act.kind is StepKind.AGENT and not act.name.startswith(INVOKED)
    return act.name if is_named else names.get(act.kind, act.name)


# -- those that keep messages as OpenAI has them -------------------------------------------------------


def _openai(m: Said) -> dict[str, Any]:
    told: dict[str, Any] = {"role": m["role"], "content": m.get("content") or None}
    if "call_id" in m:
        told["tool_call_id"] = m["call_id"]
    if m.get("calls"):
        told["tool_calls"] = [
            {
                "id": asked["id"],
                "type": "function",
                "function": {"name": asked["name"], "arguments": _json(asked["arguments"])},
            }
            for asked in m["calls"]
        ]
    return told


def _langfuse(act: Act) -> Attributes:
    kinds = {StepKind.LLM: "generation", StepKind.CHAIN: "chain", StepKind.RETRIEVAL: "retriever"}
    other = {StepKind.HTTP: "span", StepKind.DB: "span", StepKind.OTHER: "span", StepKind.RERANK: "span"}
    prefix = "langfuse.observation"
    usage = {"input": act.tokens[0] - act.cached, "output": act.tokens[1] - act.reasoning}
    if act.cached:
        usage["input_cache_read"] = act.cached
    if act.reasoning:
        usage["output_reasoning"] = act.reasoning
    usage["total"] = sum(act.tokens)
    return {
        f"{prefix}.type": (kinds | other).get(act.kind, act.kind.value),
        f"{prefix}.input": _json([_openai(m) for m in act.said]) if act.said else _text(act.input),
        f"{prefix}.output": _json(_openai(act.answer)) if act.answer else _text(act.output),
        f"{prefix}.model.name": act.model or None,
        f"{prefix}.usage_details": _json(usage) if act.tokens[0] else None,
        f"{prefix}.level": "ERROR" if act.error else None,
        f"{prefix}.status_message": act.error or None,
    }


def _mlflow(act: Act) -> Attributes:
    kinds = {StepKind.LLM: "CHAT_MODEL", StepKind.RETRIEVAL: "RETRIEVER", StepKind.RERANK: "RERANKER"}
    asked, answered = act.tokens
    inputs = {"messages": [_openai(m) for m in act.said], "model": act.model} if act.said else act.input
    outputs = {"choices": [{"message": _openai(act.answer)}]} if act.answer else act.output
    usage = {"input_tokens": asked, "output_tokens": answered, "total_tokens": asked + answered}
    return {
        "mlflow.spanType": _json(kinds.get(act.kind, act.kind.value.upper())),
        "mlflow.spanInputs": None if inputs is None else _json(inputs),
        "mlflow.spanOutputs": None if outputs is None else _json(outputs),
        "mlflow.llm.model": _json(act.model) if act.model else None,
        "mlflow.llm.provider": _json(provider_of(act.model)) if act.model else None,
        "mlflow.chat.tokenUsage": _json(usage) if asked else None,
    }


def _logfire(act: Act) -> Attributes:
    told = _otel(act)
    if act.kind is StepKind.TOOL:
        told["logfire.msg"] = f"running tool: {act.name}"
    elif act.kind is StepKind.AGENT:
        is_named = not act.name.startswith(INVOKED)
        told["logfire.msg"] = act.name if is_named else f"{act.name.removeprefix(INVOKED)} run"
        told["final_result"] = _text(act.output)
    return told


DIALECT_BY_NAME: Mapping[str, Dialect] = {
    "otel": Dialect("opentelemetry.instrumentation.openai_v2", "2.1b0", _otel, _otel_name),
    "openinference": Dialect("openinference.instrumentation.langchain", "0.1.50", _openinference),
    "openllmetry": Dialect("opentelemetry.instrumentation.openai.v1", "0.40.9", _openllmetry),
    "vercel": Dialect("ai", "5.0.0", _vercel, _vercel_name),
    "langfuse": Dialect("langfuse-sdk", "3.2.1", _langfuse),
    "mlflow": Dialect("mlflow", "3.4.0", _mlflow),
    "logfire": Dialect("pydantic-ai", "1.0.0", _logfire),
}
