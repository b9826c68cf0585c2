"""The exports beside this file, and writers of each format, in the words of the systems that are imported from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.importing.reading import Reading
from bridge.importing.source import Source
from bridge.importing.spans import OtlpSpan, Skipped

EXPORTS = Path(__file__).parent / "exports"


def read(path: Path) -> tuple[list[OtlpSpan], list[Skipped]]:
    """Everything of a file. Raises UnknownFormat."""
    source = Source(str(path))
    try:
        items = list(Reading(source).items())
    finally:
        source.close()
    return [i for i in items if isinstance(i, OtlpSpan)], [i for i in items if isinstance(i, Skipped)]


def attributes_of(span: Mapping[str, Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values()), None) for item in span.get("attributes", ())}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a span is told to be, in no format's words. Times in microseconds, the least that all formats tell."""

    trace_id: str
    span_id: str
    name: str
    parent_id: str | None = None
    start_us: int = 0
    end_us: int = 0
    error: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


def facts_of(span: Mapping[str, Any]) -> Facts:
    status = span.get("status", {})
    return Facts(
        span["traceId"],
        span["spanId"],
        span["name"],
        span.get("parentSpanId"),
        int(span.get("startTimeUnixNano", 0)) // 1000,
        int(span.get("endTimeUnixNano", 0)) // 1000,
        status.get("message", "") if status.get("code") == 2 else None,
        {key: value for key, value in attributes_of(span).items() if key.startswith("x.")},
    )


# -- writers -------------------------------------------------------------------------------------------


def jaeger(spans: Iterable[Facts]) -> str:
    by_trace: dict[str, list[Facts]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    traces = [
        {
            "traceID": trace_id,
            "spans": [_jaeger(span) for span in told],
            "processes": {"p1": {"serviceName": "s"}},
        }
        for trace_id, told in by_trace.items()
    ]
    return json.dumps({"data": traces, "total": 0})


def _jaeger(span: Facts) -> dict[str, Any]:
    tags = [{"key": key, "type": "string", "value": text} for key, text in span.texts.items()]
    if span.error is not None:
        tags.append({"key": "otel.status_code", "type": "string", "value": "ERROR"})
        tags.append({"key": "otel.status_description", "type": "string", "value": span.error})
    parent = {"refType": "CHILD_OF", "traceID": span.trace_id, "spanID": span.parent_id}
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": [parent] if span.parent_id else [],
        "startTime": span.start_us,
        "duration": span.end_us - span.start_us,
        "tags": tags,
        "logs": [],
        "processID": "p1",
    }


def phoenix_rows(spans: Iterable[Facts]) -> list[dict[str, Any]]:
    """Rows of its data frame, by names of columns."""
    rows: list[dict[str, Any]] = [
        {
            "name": span.name,
            "parent_id": span.parent_id,
            "start_time": span.start_us,
            "end_time": span.end_us,
            "status_code": "UNSET" if span.error is None else "ERROR",
            "status_message": span.error or "",
            "events": [],
            "context.span_id": span.span_id,
            "context.trace_id": span.trace_id,
            **{f"attributes.{key}": text for key, text in span.texts.items()},
        }
        for span in spans
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in columns} for row in rows]


def phoenix_records(spans: Iterable[Facts]) -> str:
    return json.dumps(phoenix_rows(spans))


def phoenix_lines(spans: Iterable[Facts]) -> str:
    return "".join(json.dumps(row) + "\n" for row in phoenix_rows(spans))


def phoenix_columns(spans: Iterable[Facts]) -> str:
    rows = phoenix_rows(spans)
    return json.dumps({name: {str(n): row[name] for n, row in enumerate(rows)} for name in rows[0]})


def phoenix_index(spans: Iterable[Facts]) -> str:
    return json.dumps({str(n): row for n, row in enumerate(phoenix_rows(spans))})


def phoenix_split(spans: Iterable[Facts]) -> str:
    rows = phoenix_rows(spans)
    data = [list(row.values()) for row in rows]
    return json.dumps({"columns": list(rows[0]), "index": list(range(len(rows))), "data": data})


def phoenix_table(spans: Iterable[Facts]) -> str:
    rows = phoenix_rows(spans)
    fields = [{"name": name, "type": "string"} for name in rows[0]]
    return json.dumps({"schema": {"fields": fields}, "data": rows})


def langfuse_list(spans: Iterable[Facts]) -> str:
    return json.dumps({"data": [_langfuse(span) for span in spans], "meta": {"page": 1}})


def langfuse_lines(spans: Iterable[Facts]) -> str:
    return "".join(json.dumps(_langfuse(span)) + "\n" for span in spans)


def _langfuse(span: Facts) -> dict[str, Any]:
    return {
        "id": span.span_id,
        "traceId": span.trace_id,
        "type": "SPAN",
        "name": span.name,
        "parentObservationId": span.parent_id,
        "startTime": _iso(span.start_us),
        "endTime": _iso(span.end_us),
        "level": "DEFAULT" if span.error is None else "ERROR",
        "statusMessage": span.error or None,
    }


def _iso(time_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


Writer = Callable[[Iterable[Facts]], str]
WRITERS: tuple[Writer, ...] = (
    jaeger,
    phoenix_records,
    phoenix_lines,
    phoenix_columns,
    phoenix_index,
    phoenix_split,
    phoenix_table,
    langfuse_list,
    langfuse_lines,
)
