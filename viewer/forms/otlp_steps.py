"""Steps that were posted as OTLP/JSON spans: their own attributes as they came, and what else the step tells by the
GenAI semantic conventions (semantic-conventions-genai, `docs/gen-ai`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from tracen_otel.attributes import encode_json
from tracen_otel.model import (
    Event,
    Message,
    Part,
    Provider,
    SpanKind,
    Status,
    StatusCode,
    Step,
    StepKind,
    Trace,
    Usage,
)
from tracen_otel.payload import json_value

_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_NO_ID = "0" * 16
_ERROR_TYPE = re.compile(r"[A-Za-z_][\w.]{0,99}(?=:|$)", re.ASCII)
_INT64 = 2**63
_MAX_TIME_NS = 2**64 - 1
_OPERATION_BY_KIND = {
    StepKind.LLM: "chat",
    StepKind.AGENT: "invoke_agent",
    StepKind.TOOL: "execute_tool",
    StepKind.RETRIEVAL: "retrieval",
    StepKind.EMBEDDING: "embeddings",
    StepKind.RERANK: "rerank",
    StepKind.GUARDRAIL: "guardrail",
    StepKind.EVALUATION: "evaluation",
    StepKind.CHAIN: "invoke_workflow",
}
"""The convention's own words, and for what it has none (from rerank to evaluation) those that others use."""
_REMOTE = frozenset(
    {StepKind.LLM, StepKind.EMBEDDING, StepKind.RETRIEVAL, StepKind.RERANK, StepKind.HTTP, StepKind.DB}
)
_TOKEN_KEYS = (
    ("input_tokens", "gen_ai.usage.input_tokens"),
    ("output_tokens", "gen_ai.usage.output_tokens"),
    ("cache_read_tokens", "gen_ai.usage.cache_read.input_tokens"),
    ("cache_write_tokens", "gen_ai.usage.cache_write.input_tokens"),
    ("reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
)
_MODEL_KEYS = frozenset({"gen_ai.request.model", "gen_ai.response.model"})

SCOPE_OF_POSTS: Mapping[str, Any] = {"scope": {"name": "tracen"}}


def resource_of_posts(trace: Trace) -> dict[str, Any]:
    """The resource of what was posted: the service, where it was told."""
    told = {"service.name": trace.service_name} if trace.service_name else {}
    return {"resource": {"attributes": attributes(told)}}


def spans_of(trace: Trace, trace_id: str, known: Collection[str] = ()) -> list[dict[str, Any]]:
    """A span for each step whose id is not among those known."""
    ids = _Ids(trace_id, trace.steps)
    return [
        _span(step, trace_id, span_id, ids.of_parent(step))
        for step, span_id in zip(trace.steps, ids.own, strict=True)
        if span_id not in known
    ]


def root_span(trace: Trace, trace_id: str, spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The spans below one that tells what only the trace as a whole does: prompt, response, model, tokens."""
    taken = {span["spanId"] for span in spans}
    root_id = next(i for n in count() if (i := _derived(trace_id, f"root {n}")) not in taken)
    speaks = any(step.kind in (StepKind.LLM, StepKind.AGENT) for step in trace.steps)
    root = Step(
        name=trace.title or "trace",
        id=root_id,
        kind=StepKind.AGENT if speaks or not trace.model else StepKind.LLM,
        start_ns=trace.started_ns or min((s.start_ns for s in trace.steps if s.start_ns), default=0),
        latency_ns=trace.latency_ns,
        status=trace.status,
        error_message=trace.error_message,
        input=trace.prompt or None,
        output=trace.response or None,
        input_messages=_conversation(trace),
        model=trace.model or None,
        provider=trace.provider if trace.provider is not Provider.CUSTOM else None,
        provider_name=trace.provider_name,
        usage=trace.usage,
    )
    below = [span if "parentSpanId" in span else _below(span, root_id) for span in spans]
    return [_span(root, trace_id, root_id, None), *below]


def _conversation(trace: Trace) -> tuple[Message, ...]:
    """The system prompt before the prompt, where there is one."""
    if not trace.system or not trace.prompt:
        return ()
    return Message("system", (Part("text", trace.system),)), Message("user", (Part("text", trace.prompt),))


def _below(span: dict[str, Any], root_id: str) -> dict[str, Any]:
    head = {name: span[name] for name in ("traceId", "spanId")}
    return head | {"parentSpanId": root_id} | span


# -- ids ----------------------------------------------------------------------------------------------


class _Ids:
    """The span ids of steps: their own where those are span ids, else derived, the same each time."""

    def __init__(self, trace_id: str, steps: Sequence[Step]) -> None:
        self._trace_id = trace_id
        taken: set[str] = set()
        self.own: list[str] = []
        for number, step in enumerate(steps, start=1):
            span_id = self._span_id(step.id) if step.id else _derived(trace_id, f"step {number}")
            for attempt in count():
                if span_id not in taken:
                    break
                span_id = _derived(trace_id, f"step {number} again {attempt}")
            taken.add(span_id)
            self.own.append(span_id)

    def of_parent(self, step: Step) -> str | None:
        """The parent's span id, also where the parent is not there."""
        return self._span_id(step.parent_id) if step.parent_id else None

    def _span_id(self, told: str) -> str:
        spelled = told.lower()
        if _SPAN_ID.fullmatch(spelled) and spelled != _NO_ID:
            return spelled
        return _derived(self._trace_id, f"id {told}")


def _derived(trace_id: str, name: str) -> str:
    digest = hashlib.sha256(f"{trace_id} {name}".encode("utf-8", "replace")).hexdigest()[:16]
    return digest if digest != _NO_ID else "0" * 15 + "1"


# -- a span -------------------------------------------------------------------------------------------


def _span(step: Step, trace_id: str, span_id: str, parent_id: str | None) -> dict[str, Any]:
    failed = step.status is Status.ERROR
    status = {"message": step.error_message or "", "code": int(StatusCode.ERROR)} if failed else {}
    end_ns = step.start_ns + step.latency_ns if step.start_ns and step.latency_ns is not None else 0
    told = {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent_id,
        "name": _name(step),
        "kind": int(SpanKind.CLIENT if step.kind in _REMOTE else SpanKind.INTERNAL),
        "startTimeUnixNano": str(step.start_ns) if step.start_ns else None,
        "endTimeUnixNano": str(end_ns) if 0 < end_ns <= _MAX_TIME_NS else None,
        "attributes": attributes({**_by_convention(step), **step.attributes}),
        "events": [_event(event) for event in step.events],
        "status": status,
    }
    return {name: value for name, value in told.items() if value or name == "name"}


def _name(step: Step) -> str:
    """The step's name; but a label beside a tool's name would be read before a name that has the tool's in it."""
    tool_name = step.sources.get("tool_name")
    if tool_name and "label" in step.sources and step.attributes.get(tool_name.key) == step.name:
        return _OPERATION_BY_KIND[StepKind.TOOL]
    return step.name


def _event(event: Event) -> dict[str, Any]:
    """An event; the body that a log record has and an event has not goes to the attributes."""
    body = (
        {} if event.body is None else event.body if isinstance(event.body, Mapping) else {"body": event.body}
    )
    told = {
        "timeUnixNano": str(event.time_ns) if event.time_ns else "",
        "name": event.name,
        "attributes": attributes({**body, **event.attributes}),
    }
    return {name: value for name, value in told.items() if value or name == "name"}


def _by_convention(step: Step) -> dict[str, Any]:
    """What the step tells by the GenAI conventions. An attribute of the step's own that says it stays."""
    told: dict[str, Any] = {"gen_ai.operation.name": _OPERATION_BY_KIND.get(step.kind)}
    told["gen_ai.provider.name"] = step.provider_name or _provider(step.provider)
    if _MODEL_KEYS.isdisjoint(step.attributes):
        # A request's model makes an LLM step of one that tells no operation.
        told["gen_ai.request.model" if step.kind in _OPERATION_BY_KIND else "model"] = step.model
    told |= _usage(step.usage)
    told |= _tool(step) if step.kind is StepKind.TOOL else _exchange(step)
    if step.status is Status.ERROR and step.error_message:
        match = _ERROR_TYPE.match(step.error_message)
        told["error.type"] = match[0] if match else "_OTHER"  # semantic-conventions, `error.type`
    return {key: value for key, value in told.items() if value is not None}


def _provider(provider: Provider | None) -> str | None:
    if provider is None or provider is Provider.CUSTOM:
        return None
    names = {Provider.MISTRAL: "mistral_ai", Provider.GEMINI: "gcp.gemini"}
    return names.get(provider, provider.value)


def _usage(usage: Usage) -> dict[str, int | None]:
    return {key: getattr(usage, name) for name, key in _TOKEN_KEYS}


def _tool(step: Step) -> dict[str, Any]:
    return {
        "gen_ai.tool.name": step.name or None,
        "gen_ai.tool.call.arguments": step.input,
        "gen_ai.tool.call.result": step.output,
    }


def _exchange(step: Step) -> dict[str, Any]:
    return {
        "gen_ai.input.messages": _messages(step.input_messages, step.input, "user"),
        "gen_ai.output.messages": _messages(step.output_messages, step.output, "assistant"),
    }


# -- messages -----------------------------------------------------------------------------------------


def _messages(messages: Iterable[Message], text: str | None, role: str) -> str | None:
    """GenAI message JSON of a conversation, else of the text; None without either."""
    told = tuple(messages) or ((Message(role, (Part("text", text),)),) if text else ())
    if not told:
        return None
    return encode_json([{"role": m.role, "parts": [_part(part) for part in m.parts]} for m in told])


def _part(part: Part) -> dict[str, Any]:
    if part.type in ("text", "reasoning"):
        return {"type": part.type, "content": part.text}
    if part.type == "tool_call":
        return _told(type=part.type, id=part.id, name=part.name, arguments=json_value(part.value))
    if part.type == "tool_call_response":
        return _told(type=part.type, id=part.id, name=part.name, response=json_value(part.value))
    if part.type == "media":  # words alone are left of it
        return {"type": part.type, "uri" if "://" in part.text else "mime_type": part.text}
    if isinstance(part.value, Mapping):
        return {**json_value(part.value), "type": part.type}
    return _told(type=part.type, content=part.text or json_value(part.value))


def _told(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}


# -- values -------------------------------------------------------------------------------------------


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP/JSON key-values."""
    return [{"key": str(key), "value": any_value(value)} for key, value in values.items()]


def any_value(value: Any) -> dict[str, Any]:  # one branch per case of AnyValue
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # proto has 64 bits; a larger one keeps its digits as text
        return {"intValue": str(value)} if -_INT64 <= value < _INT64 else {"stringValue": json.dumps(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else json_value(value)}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": list(_key_values(value))}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": str(value)}


def _key_values(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return ({"key": str(key), "value": any_value(value)} for key, value in values.items())
