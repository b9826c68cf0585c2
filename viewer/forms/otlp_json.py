"""The OTLP form of a trace page: one OTLP/JSON ExportTraceServiceRequest with the spans of the trace.

Spans that came as OTLP are told as they came, whichever encoding they came in; steps that were posted become
spans. After opentelemetry-proto `docs/specification.md`, "JSON Protobuf Encoding". Log records are no spans:
a traces request can not hold them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tracen_otel import otlp
from tracen_otel.assemble import assemble
from tracen_otel.model import Trace
from tracen_otel.otlp import Encoding, Signal
from tracen_otel.otlp_wire import UndecodableBody
from tracen_otel.redact import Redaction
from viewer.forms.otlp_canonical import canonical, with_hex_ids
from viewer.forms.otlp_masked import Masking, masked, masked_resource
from viewer.forms.otlp_steps import SCOPE_OF_POSTS, resource_of_posts, root_span, spans_of
from viewer.store.base import BodyKind

_MASKING = Redaction()


def render(
    bodies: Iterable[tuple[BodyKind, bytes]],
    otel_trace_id: str,
    trace: Trace,
    masking: Masking = _MASKING,
) -> bytes:
    """Write the request: the trace's spans out of `bodies`, then those of steps that only a post told of.

    `trace` is what was assembled of the bodies; `otel_trace_id` is hex. A body or span that can not be read
    costs itself alone. Bodies are kept as they came: `masking` masks what is told of them.
    """
    request = _Request(masking)
    is_posted = False
    for kind, body in bodies:
        if kind is BodyKind.PAYLOAD:
            is_posted = True
            continue
        encoding, signal = kind.otlp()
        if signal is Signal.TRACES:
            for told in _groups(body, encoding, otel_trace_id):
                request.add(*told)
    if is_posted:
        _add_posted(request, otel_trace_id, trace)
    return request.encoded()


# -- the request --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Request:
    """Spans by resource and scope, each as JSON text: what is written the same is the same, and told once."""

    masking: Masking
    spans_by_scope_by_resource: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)
    span_ids: set[str] = field(default_factory=set)

    def add(self, resource: Mapping[str, Any], scope: Mapping[str, Any], spans: Iterable[Any]) -> None:
        """Add spans; `resource` and `scope` are the groups around them, without what they hold."""
        told: dict[str, None] = {}
        for span in spans:
            try:
                told[_text(masked(span, self.masking))] = None
            except RecursionError:  # deeper than JSON goes; its neighbours are not
                continue
            self.span_ids.add(span["spanId"])
        if told:
            around = _text(masked_resource(resource, self.masking)), _text(masked(scope, self.masking))
            by_scope = self.spans_by_scope_by_resource.setdefault(around[0], {})
            by_scope.setdefault(around[1], {}).update(told)

    def encoded(self) -> bytes:
        """The request as JSON; what no UTF-8 can hold becomes a question mark."""
        groups = (
            _with(resource, "scopeSpans", (_with(scope, "spans", spans) for scope, spans in by_scope.items()))
            for resource, by_scope in self.spans_by_scope_by_resource.items()
        )
        return _with("{}", "resourceSpans", groups).encode("utf-8", "replace")


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _with(head: str, name: str, items: Iterable[str]) -> str:
    """The JSON object `head` with one more field, an array of JSON texts."""
    comma = "," if head != "{}" else ""
    return f'{head[:-1]}{comma}"{name}":[{",".join(items)}]}}'


# -- spans that came as OTLP --------------------------------------------------------------------------

_Group = tuple[dict[str, Any], dict[str, Any], list[Any]]
"""What a ResourceSpans says beside its scopes, what a ScopeSpans says beside its spans, and the trace's spans."""


def _groups(body: bytes, encoding: Encoding, trace_id: str) -> Iterator[_Group]:
    """The trace's part of a body, in OTLP/JSON."""
    read = _of_json if encoding is Encoding.JSON else _of_protobuf
    with contextlib.suppress(UndecodableBody):  # accepted by another release; it costs no neighbour
        yield from read(body, trace_id)


def _of_json(body: bytes, trace_id: str) -> Iterator[_Group]:
    """The trace's part of a JSON request, in OTLP's own spelling. Raises UndecodableBody."""
    piece = otlp.split(body, Encoding.JSON, Signal.TRACES).get(bytes.fromhex(trace_id))
    if piece is None:
        return
    kept = otlp.salvage(piece, Encoding.JSON, Signal.TRACES)
    for resource, scope, spans in _walked(json.loads(kept.body)):
        told = [spelled for span in spans if (spelled := _canonical_span(span))]
        yield canonical(resource, ResourceSpans.DESCRIPTOR), canonical(scope, ScopeSpans.DESCRIPTOR), told


def _canonical_span(span: Mapping[str, Any]) -> dict[str, Any] | None:
    """The span in OTLP's own spelling; None where a value nests too deep to be read."""
    try:
        return canonical(span, Span.DESCRIPTOR)
    except RecursionError:
        return None


def _of_protobuf(body: bytes, trace_id: str) -> Iterator[_Group]:
    """The trace's part of a protobuf request, as JSON. Raises UndecodableBody."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        kept = otlp.salvage(body, Encoding.PROTOBUF, Signal.TRACES)
        request = ExportTraceServiceRequest.FromString(kept.body)
    _keep(request, bytes.fromhex(trace_id))
    yield from _walked(with_hex_ids(MessageToDict(request, use_integers_for_enums=True)))


def _walked(request: Mapping[str, Any]) -> Iterator[_Group]:
    for resource_spans in request.get("resourceSpans") or ():
        for scope_spans in resource_spans.get("scopeSpans") or ():
            spans = scope_spans.get("spans") or []
            yield _without(resource_spans, "scopeSpans"), _without(scope_spans, "spans"), spans


def _without(group: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != name}


def _keep(request: Any, trace_id: bytes) -> None:
    """Take out of a request, in place, the spans of other traces and those without an id."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans
            kept = [s for s in spans if s.trace_id == trace_id and len(s.span_id) == 8 and any(s.span_id)]
            if len(kept) < len(spans):
                copies = [type(span).FromString(span.SerializeToString()) for span in kept]
                scope_spans.ClearField("spans")
                scope_spans.spans.extend(copies)


# -- spans of steps that were posted ------------------------------------------------------------------


def _add_posted(request: _Request, trace_id: str, trace: Trace) -> None:
    """Add the steps that no span told of; and a root, where only the post as a whole tells how the run went."""
    is_all_posted = not request.span_ids
    spans = spans_of(trace, trace_id, frozenset(request.span_ids))
    resource, scope = resource_of_posts(trace), SCOPE_OF_POSTS
    if is_all_posted and not _says_all(resource, spans, trace_id, trace):
        spans = root_span(trace, trace_id, spans)
    request.add(resource, scope, spans)


def _says_all(resource: Mapping[str, Any], spans: list[dict[str, Any]], trace_id: str, trace: Trace) -> bool:
    """Whether the spans alone, read again, tell what the trace tells."""
    if not spans:
        return False
    alone = _Request(Redaction(redact=False))
    alone.add(resource, SCOPE_OF_POSTS, spans)
    told = assemble(otlp.decode_spans(alone.encoded(), Encoding.JSON, trace_id))
    return _gist(told) == _gist(trace)


def _gist(trace: Trace) -> tuple[Any, ...]:
    usage = trace.usage.input_tokens, trace.usage.output_tokens
    error = trace.error_message or None
    return trace.prompt, trace.response, trace.model, trace.status, error, usage, trace.latency_ns
