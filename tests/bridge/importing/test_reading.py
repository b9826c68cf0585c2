"""Exports of each format, read without a server: what is told apart, what is kept exactly, what is refused in words."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.importing import cutting
from bridge.importing.reading import Reading, UnknownFormat
from bridge.importing.source import Source
from bridge.importing.spans import OtlpSpan
from tests.bridge.importing.exports_of import EXPORTS, attributes_of, read
from tests.bridge.otlp_bodies import fresh_id, protobuf
from tests.viewer.samples import PLAIN

FORMATS = {
    "phoenix-rest.json": "Phoenix",
    "phoenix-otlpv1.json": "Phoenix",
    "langfuse-trace.json": "Langfuse",
    "langfuse-page.json": "Langfuse",
    "langfuse-observations.jsonl": "Langfuse",
    "langfuse-observations-v2.json": "Langfuse",
    "jaeger.json": "Jaeger",
    "jaeger-v3.json": "OTLP",
}


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def export(name: str) -> Any:
    return json.loads((EXPORTS / name).read_text("utf-8"))


@pytest.mark.parametrize("name", FORMATS)
def test_format_is_told_apart_by_itself(name: str, tmp_path: Path) -> None:
    """Whatever the file is called, compressed or not, with a byte order mark or not."""
    plain = (EXPORTS / name).read_bytes()
    expected = read(EXPORTS / name)
    for body in (plain, gzip.compress(plain), b"\xef\xbb\xbf" + plain):
        path = tmp_path / "export"
        path.write_bytes(body)
        source = Source(str(path))
        reading = Reading(source)
        spans = list(reading.items())
        source.close()
        assert reading.formats == {FORMATS[name]}
        assert (spans, []) == expected


def test_ids_that_are_not_otels_are_mapped_the_same_each_time() -> None:
    """Importing twice makes no second page: a UUID becomes the same id, and a parent stays a parent."""
    first, _ = read(EXPORTS / "langfuse-trace.json")
    again, _ = read(EXPORTS / "langfuse-trace.json")
    assert [span.span for span in first] == [span.span for span in again]
    root, *below = (span.span for span in first)
    assert len(root["traceId"]) == 32
    by_name = {span["name"]: span for span in below}
    assert by_name["retry"]["parentSpanId"] == by_name["look-up-order"]["spanId"]
    assert by_name["look-up-order"]["parentSpanId"] == root["spanId"]


def test_ids_of_otel_and_short_ones_of_jaeger_stay() -> None:
    """A page is found by the id that its programs logged; Jaeger leaves out leading zeros."""
    spans, _ = read(EXPORTS / "jaeger.json")
    assert {span.trace_id for span in spans} == {"00000000000000003a9c0d1e2b4a6f8c"}
    spans, _ = read(EXPORTS / "langfuse-page.json")
    assert [span.span["spanId"] for span in spans] == ["a1b2c3d4e5f60718", "b1b2c3d4e5f60718"]


def test_times_and_large_integers_are_exact() -> None:
    """Micro- and nanoseconds survive, and 64 bits that JavaScript's numbers can not hold."""
    spans, _ = read(EXPORTS / "phoenix-otlpv1.json")
    assert spans[0].span["startTimeUnixNano"] == "1772619330123456789"
    spans, _ = read(EXPORTS / "phoenix-rest.json")
    assert spans[0].span["startTimeUnixNano"] == "1772619330123456000"
    spans, _ = read(EXPORTS / "jaeger.json")
    assert spans[0].span["endTimeUnixNano"] == "1772619333623457000"
    assert attributes_of(spans[0].span)["http.response.size"] == "9223372036854775222"


def test_jaeger_tells_services_events_links_and_failures() -> None:
    """Processes become resources, logs events, references the parent and links, `error` a status."""
    spans, _ = read(EXPORTS / "jaeger.json")
    resources = [attributes_of(span.resource)["service.name"] for span in spans]
    assert resources == ["gateway", "agent", "agent"]
    tool = spans[2].span
    assert tool["status"] == {"code": 2, "message": "directory is locked"}
    assert tool["events"][0]["name"] == "exception"
    assert tool["parentSpanId"] == spans[1].span["spanId"]
    assert [link["spanId"] for link in tool["links"]] == [spans[0].span["spanId"]]
    assert spans[1].scope == {"name": "my.agent"}


def test_phoenix_attributes_are_the_same_nested_or_dotted(tmp_path: Path) -> None:
    """Data frames have lists of messages where REST has numbered keys."""
    row = {
        "name": "chat",
        "span_kind": "LLM",
        "context.trace_id": "1" * 32,
        "context.span_id": "2" * 16,
        "start_time": 1772619330123,
        "end_time": "2026-03-04T10:15:33+00:00",
        "status_code": "OK",
        "attributes.llm.input_messages": [{"message.role": "user", "message.content": "Hi"}],
        "attributes.llm.output_messages": [{"message": {"role": "assistant", "content": "Hello"}}],
        "attributes.metadata": {"a": {"b": 1}},
    }
    (span,), _ = read(write(tmp_path / "export", [row]))
    told = attributes_of(span.span)
    assert told["llm.input_messages.0.message.content"] == "Hi"
    assert told["llm.output_messages.0.message.role"] == "assistant"
    assert json.loads(told["metadata"]) == {"a": {"b": 1}}
    assert told["openinference.span.kind"] == "LLM"
    assert span.span["startTimeUnixNano"] == "1772619330123000000"


def test_langfuse_tables_are_read_in_both_spellings(tmp_path: Path) -> None:
    """The batch export writes camelCase, the one to a bucket snake_case; a trace alone is a span."""
    row = json.loads((EXPORTS / "langfuse-observations.jsonl").read_text("utf-8").splitlines()[1])
    snake = {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in row.items()
    }
    (expected,), _ = read(write(tmp_path / "camel", row))
    (told,), _ = read(write(tmp_path / "snake", snake))
    assert told == expected
    trace = {"id": "t-1", "timestamp": "2026-03-04T10:15:30Z", "name": "alone", "input": "a", "output": "b"}
    (span,), _ = read(write(tmp_path / "trace", [{**trace, "bookmarked": False, "tags": []}]))
    assert attributes_of(span.span)["langfuse.trace.output"] == "b"


def test_langfuse_tells_whose_trace_it_was_and_where_it_ran() -> None:
    """Name, user, session and tags, as its SDKs write them; what came over OpenTelemetry has a resource."""
    (root, generation, _), skipped = read(EXPORTS / "langfuse-observations-v2.json")
    assert skipped == []
    told = attributes_of(generation.span)
    assert (told["langfuse.trace.name"], told["user.id"], told["session.id"]) == (
        "refunds",
        "user-9",
        "session-7",
    )
    assert [tag["stringValue"] for tag in told["langfuse.trace.tags"]["values"]] == ["beta", "web"]
    assert told["langfuse.observation.prompt.version"] == "7"
    assert attributes_of(root.resource) == {
        "service.name": "shop",
        "deployment.environment.name": "production",
        "service.version": "2026.4",
    }
    whole, _ = read(EXPORTS / "langfuse-trace.json")
    assert attributes_of(whole[0].span)["user.id"] == "user-17"


def test_langfuse_root_has_no_parent_that_langfuse_has_not() -> None:
    """A span of a web server around it, say, which only the program's own tracing saw."""
    (root, generation, tool), _ = read(EXPORTS / "langfuse-observations-v2.json")
    assert "parentSpanId" not in root.span
    assert {generation.span["parentSpanId"], tool.span["parentSpanId"]} == {root.span["spanId"]}


def test_otlp_ids_in_base64_are_the_same_ids(tmp_path: Path) -> None:
    """Protobuf's own JSON has bytes so, and Jaeger's gRPC API is read by tools that write that."""
    told = export("jaeger-v3.json")
    (span,) = told["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["parentSpanId"] = "b1b2c3d4e5f60718"
    (expected,), _ = read(write(tmp_path / "hex", told))
    for name in ("traceId", "spanId", "parentSpanId"):
        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    (read_back,), _ = read(write(tmp_path / "base64", told))
    assert read_back == expected


@pytest.mark.parametrize(
    ("wrong", "lost"),
    [
        ({"timestamp": 1e308}, 1),
        ({"timestamp": []}, 1),
        ({"latency": 1e308, "observations": []}, 0),
        ({"latency": "soon", "observations": []}, 0),
    ],
)
def test_a_bad_field_of_a_langfuse_trace_costs_no_observation(
    wrong: dict[str, Any], lost: int, tmp_path: Path
) -> None:
    """What is lost is counted, what is good is kept, and the traces after it are read."""
    good = export("langfuse-trace.json")
    row = next(row for row in good["observations"] if row["name"] == "retry")
    two_tops = [{**row, "id": name, "parentObservationId": None} for name in ("a", "b")]
    broken = {**good, "id": "t-2", "observations": two_tops, **wrong}
    text = json.dumps({"data": [broken, good]}).replace("1e+308", "1e999")
    spans, skipped = read(write(tmp_path / "export", text))
    of_good, _ = read(EXPORTS / "langfuse-trace.json")
    expected = (2 if broken["observations"] else 1) + len(of_good)
    assert (len(spans), len(skipped)) == (expected, lost)


def test_costs_of_earlier_langfuse_are_read(tmp_path: Path) -> None:
    """They stood in fields of their own, before there were details."""
    row = json.loads((EXPORTS / "langfuse-observations.jsonl").read_text("utf-8").splitlines()[1])
    row = {
        **row,
        "costDetails": None,
        "inputCost": 0.25,
        "calculatedTotalCost": 0.75,
        "usage": {"input": math.inf},
    }
    (span,), _ = read(write(tmp_path / "export", json.dumps(row)))
    told = attributes_of(span.span)["langfuse.observation.cost_details"]
    assert json.loads(told) == {"input": 0.25, "total": 0.75}


def test_otlp_bodies_and_payloads_are_read_as_well(tmp_path: Path) -> None:
    """Somebody will try: protobuf, JSON a line each, and what `tracen convert` writes."""
    path = tmp_path / "body"
    path.write_bytes(protobuf((fresh_id(), fresh_id(8), "a"), (fresh_id(), fresh_id(8), "b")))
    spans, _ = read(path)
    assert [span.span["name"] for span in spans] == ["a", "b"]
    lines = "".join(json.dumps(export("jaeger-v3.json")["result"]) + "\n" for _ in range(3))
    assert len(read(write(path, lines))[0]) == 3
    spans, _ = read(write(path, json.dumps(PLAIN) + "\n" + json.dumps({"kind": "end", "traces": 1}) + "\n"))
    assert len({span.trace_id for span in spans}) == 1
    assert spans == read(write(path, PLAIN))[0]


def test_broken_records_are_named_with_their_line_and_cost_nobody_else(tmp_path: Path) -> None:
    """No id, no time, another type, half a line: each is told with what is wrong, and its neighbours are read."""
    good = (EXPORTS / "langfuse-observations.jsonl").read_text("utf-8").splitlines()
    row = json.loads(good[1])
    broken = [
        json.dumps({**row, "traceId": None}),
        json.dumps({**row, "startTime": "yesterday"}),
        good[1][:100],
        '"text"',
        json.dumps({"foo": 1}),
    ]
    spans, skipped = read(write(tmp_path / "rows.jsonl", "\n".join([good[0], *broken, good[1]]) + "\n"))
    assert [span.span["name"] for span in spans] == ["nightly report", "summarise"]
    assert [(item.line, item.reason) for item in skipped] == [
        (2, "it has no trace id"),
        (3, "its time is not ISO-8601"),
        (4, "is cut off"),
        (5, "is no object"),
        (6, "is of no known format: it has the fields foo"),
    ]


def test_a_broken_span_within_a_trace_costs_itself_alone(tmp_path: Path) -> None:
    """In an array as in lines."""
    told = export("jaeger.json")
    told["data"][0]["spans"][1]["startTime"] = "soon"
    spans, skipped = read(write(tmp_path / "export", json.dumps(told, indent=1)))
    assert [span.span["name"] for span in spans] == ["POST /ask", "execute_tool directory"]
    (item,) = skipped
    assert item.reason == "its start is no number of microseconds"
    following = (tmp_path / "export").read_text("utf-8").splitlines()[item.line - 1 :]
    assert following[0].strip() == "{"
    assert "chat gpt-5" in following[3]


def test_what_nests_too_deep_or_has_other_types_is_no_traceback(tmp_path: Path) -> None:
    """Whatever a field holds, the record is skipped in words."""
    deep = "[" * 100_000 + "]" * 100_000
    span = '{"traceID": "1", "spanID": "1", "operationName": 1, "startTime": 1, "references": 7, "tags": %s}'
    cases: dict[str, tuple[int, set[str]]] = {
        deep: (2, set()),
        '[{"key": "a", "value": ' + deep + "}]": (1, {"nests too deep"}),
        '{"a": 1}': (2, set()),
        "[1, [2]]": (2, set()),
        '[{"key": 3, "value": {"a": []}}]': (2, set()),
        "null": (2, set()),
    }
    for tags, expected in cases.items():
        neighbour = span % "null"
        told = '{"data": [{"spans": [' + span % tags + ", " + neighbour + "]}]}"
        spans, skipped = read(write(tmp_path / "export", told))
        reasons = {item.reason.split(",")[0] for item in skipped}
        assert (len(spans), reasons) == expected, tags[:20]


_ROW = {
    "context.trace_id": "1" * 32,
    "context.span_id": "2" * 16,
    "name": "a",
    "start_time": 1,
    "span_kind": "LLM",
}


@pytest.mark.parametrize("number", ["9" * 5_000, "1e99999999999999999999", "-1e99999999999999999999"])
@pytest.mark.parametrize(
    "text",
    [
        '[{good}, {{"context.span_id": {number}}}]',
        '{good}\n{{"context.span_id": {number}}}\n{good}\n',
        '{{"columns": ["context.span_id"], "data": [[{number}]]}}',
        '{{"0": {good}, "1": {{"name": {number}}}}}',
        '{{"name": {{"0": {number}}}}}',
        '{{"columns": [{number}], "data": [[1]]}}',
    ],
)
def test_numbers_that_nobody_can_hold_end_no_import(number: str, text: str, tmp_path: Path) -> None:
    """They are told, or refused with the whole file, and what is whole before them is read."""
    good = json.dumps(_ROW)
    path = write(tmp_path / "export", text.format(good=good, number=number))
    source = Source(str(path))
    items: list[Any] = []
    with contextlib.suppress(UnknownFormat):
        items.extend(Reading(source).items())
    source.close()
    spans = [item for item in items if isinstance(item, OtlpSpan)]
    assert len(spans) >= min(text.count("{good}"), 1)
    if text.count("{good}") == 2:
        assert len(spans) == 2, "a line costs itself alone"


@pytest.mark.parametrize(
    "text",
    [
        '{"columns": ["context.span_id"], "data": [1]}',
        '{"columns": [["a"]], "data": [[1]]}',
        '{"columns": [{"a": 1}, null], "data": [[1, 2]]}',
        '{"columns": [], "data": [[]]}',
        '{"name": [[1], {"a": 1}, 2]}',
        '{"0": {"span_kind": 1}, "1": 2}',
    ],
)
def test_frames_of_other_shapes_are_no_traceback(text: str, tmp_path: Path) -> None:
    """They have no row, or none of a known format."""
    with contextlib.suppress(UnknownFormat):
        assert read(write(tmp_path / "export", text))[0] == []


@pytest.mark.parametrize("orient", ["records", "lines", "split", "index"])
def test_numbers_that_are_none_cost_nothing(orient: str, tmp_path: Path) -> None:
    """Python writes NaN and Infinity into JSON: the cells are empty, and all others are read."""
    rows = [
        {**_ROW, "context.span_id": f"{n + 1:016x}", "parent_id": math.nan, "x": -math.inf} for n in range(3)
    ]
    texts = {
        "records": json.dumps(rows),
        "lines": "".join(json.dumps(row) + "\n" for row in rows),
        "split": json.dumps({"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}),
        "index": json.dumps({str(n): row for n, row in enumerate(rows)}),
    }
    spans, skipped = read(write(tmp_path / "export", texts[orient]))
    assert ([span.span["name"] for span in spans], skipped) == (["a"] * 3, [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("hello", "it is not JSON"),
        ('{"a": 1, "b": 2}', "an object with the fields a, b"),
        ("[1, 2]", "no whole object"),
        ("[{}, {", "an object with no fields"),
    ],
)
def test_unknown_format_says_what_was_seen(text: str, told: str, tmp_path: Path) -> None:
    """So that somebody sees at once whether it is the wrong file or the wrong format."""
    with pytest.raises(UnknownFormat, match=told):
        read(write(tmp_path / "export", text))


@pytest.mark.parametrize("text", ['{"data": [{"na', "[{", '{"traceID": 3'])
def test_of_a_file_that_is_cut_off_before_its_first_record_no_more_is_said(text: str, tmp_path: Path) -> None:
    """Its format may be known well."""
    spans, (skipped,) = read(write(tmp_path / "export", text))
    assert (spans, skipped.byte) == ([], len(text))
    assert skipped.reason.startswith("is cut off")


@pytest.mark.parametrize("text", ["[]", '{"data": [], "meta": {"page": 1}}', '{"resourceSpans": []}', "{}"])
def test_export_of_nothing_is_an_export(text: str, tmp_path: Path) -> None:
    """No traces in the time that was asked for is no fault of the file."""
    assert read(write(tmp_path / "export", text)) == ([], [])


def test_a_record_that_can_not_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded by the largest record, which has a limit; those before it are read."""
    monkeypatch.setattr(cutting, "MAX_RECORD_BYTES", 1 << 20)
    good = json.dumps(export("phoenix-rest.json")["data"][0])
    path = write(tmp_path / "export", '{"data": [' + good + ', {"name": "' + "x" * (3 << 20) + '"}]}')
    spans, skipped = read(path)
    assert len(spans) == 1
    assert "MiB in one record" in skipped[0].reason


def test_a_complaint_obeys_no_escape_of_the_file(tmp_path: Path) -> None:
    """Names of fields are anybody's words, and are shown in a terminal."""
    with pytest.raises(UnknownFormat) as refusal:
        read(write(tmp_path / "export", {"a\x1b[31m\u202e\n": 1}))
    assert not {"\x1b", "\u202e", "\n"} & set(str(refusal.value))


def test_time_goes_with_the_size_alone(tmp_path: Path) -> None:
    """Megabytes of lines in protobuf, a line of as many, and a table of another kind: none is joined again and again.

    Seconds of the processor, of which a busy machine takes no more; they were hundreds.
    """
    body = tmp_path / "body"
    body.write_bytes(protobuf((fresh_id(), fresh_id(8), "a\n" * (3 << 20)), (fresh_id(), fresh_id(8), "b")))
    line = write(tmp_path / "rows.jsonl", json.dumps(export("jaeger-v3.json")["result"]) + " " * (48 << 20))
    table = write(tmp_path / "table.csv", "id,name\n" + "1,a\n" * (3 << 20))
    before_s = time.process_time()
    assert len(read(body)[0]) == 2
    assert len(read(line)[0]) == 1
    with pytest.raises(UnknownFormat, match="not JSON"):
        read(table)
    assert time.process_time() - before_s < 15
