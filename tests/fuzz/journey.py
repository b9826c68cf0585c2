"""The whole way of a trace, from bytes to its page, and what must hold on it. One function: `travel`.

The first byte of an input tells its form, so that one search covers all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.fuzz.told import spans_told_in
from tests.viewer.markup import check
from tracen_otel import payload
from tracen_otel.assemble import assemble_all
from tracen_otel.merge import merge
from tracen_otel.model import Span, Trace
from tracen_otel.otlp import Encoding, UndecodableBody, decode_logs, decode_spans
from viewer.document import Document, encode
from viewer.trace_page import render_trace
from viewer.view import View

SEPARATOR = b"\n--logs--\n"
"""Between the spans and the log records of an input of form `l`."""


def _from_spans(spans: Iterable[Span]) -> list[Trace]:
    return assemble_all(spans)


def _from_protobuf(body: bytes) -> list[Trace]:
    return _from_spans(decode_spans(body, Encoding.PROTOBUF))


def _from_json(body: bytes) -> list[Trace]:
    return _from_spans(decode_spans(body, Encoding.JSON))


def _from_spans_and_logs(body: bytes) -> list[Trace]:
    spans, _, logs = body.partition(SEPARATOR)
    return assemble_all(decode_spans(spans, Encoding.PROTOBUF), decode_logs(logs, Encoding.PROTOBUF))


def _from_payload(body: bytes) -> list[Trace]:
    posted = payload.decode(payload.parse(body))
    return [posted, merge([posted, posted])]


def _from_told(body: bytes) -> list[Trace]:
    return _from_spans(spans_told_in(body))


TRACES_BY_FORM: dict[bytes, Callable[[bytes], list[Trace]]] = {
    b"p": _from_protobuf,
    b"j": _from_json,
    b"l": _from_spans_and_logs,
    b"a": _from_payload,
    b"t": _from_told,
}


def travel(data: bytes) -> int:
    """Take an input all the way; returns how many pages it made.

    Raises whatever is not allowed to happen: any error but the two typed ones, a page that is no HTML or no
    UTF-8, a trace that its payload does not hold.
    """
    make = TRACES_BY_FORM.get(data[:1])
    if make is None:
        return 0
    try:
        traces = make(data[1:])
    except (UndecodableBody, payload.PayloadError):
        return 0
    for trace in traces:
        _show(trace)
    return len(traces)


def _show(trace: Trace) -> None:
    value = payload.encode(trace)
    document = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    kept = payload.decode(json.loads(document))
    assert payload.encode(kept) == value, "the payload does not hold the trace"
    payload.encode(trace, extended=False)
    saved = Document("edition", encode(kept))
    assert payload.encode(replace(saved.trace(), steps=())) == payload.encode(replace(kept, steps=()))
    assert saved.outline.step_count == len(kept.steps), "a step was not saved"
    html = render_trace(saved, View("1"), base_url="http://tracen.test")
    html.encode("utf-8")
    check(html)
    rows = sum(map(int, re.findall(r' data-lines="(\d+)"', html)))
    assert rows >= min(len(trace.steps), 1), "a step has no row"
