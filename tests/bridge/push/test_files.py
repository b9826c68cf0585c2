"""What is found in files: payloads and spans, and what is broken in them, by its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.convert import convert
from bridge.push.files import Files
from bridge.push.found import Found, Unusable
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.viewer.samples import PLAIN
from tracen_otel.payload import decode
from tracen_otel.redact import Redaction


def line(**changed: Any) -> bytes:
    return json.dumps(PLAIN | changed).encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def read(*files: Path, redacts: bool = False) -> list[Found | Unusable]:
    reading = Files(Redaction(redacts))
    found = [each for file in files for each in reading.read(str(file))]
    return [*found, *reading.traces()]


def told(found: list[Found | Unusable], file: Path) -> list[str]:
    """Where, and the prompt or what is wrong."""
    shown = [(f.where, f.trace.prompt if isinstance(f, Found) else f.reason) for f in found]
    return [f"{where.removeprefix(str(file))} {words}" for where, words in shown]


@pytest.mark.parametrize("indent", [None, 1])
def test_file_of_one_payload_is_a_trace(file: Path, indent: int | None) -> None:
    """On one line or over many."""
    file.write_text(json.dumps(PLAIN, indent=indent))

    (found,) = read(file)

    assert isinstance(found, Found)
    assert found.trace == decode(PLAIN)


def test_file_of_lines_is_a_trace_a_line(file: Path) -> None:
    """Empty lines, line ends of Windows and a byte order mark are nothing to stumble over."""
    file.write_bytes(b"\xef\xbb\xbf" + line(prompt="a") + b"\r\n\r\n" + line(prompt="b") + b"\n\n")

    assert told(read(file), file) == [":1 a", ":3 b"]


@pytest.mark.parametrize(
    "broken", [b'{"prompt": "half a li', b"<html>", b"[]", b'{"prompt": NaN}', b'"\\ud800"']
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_file_with_a_broken_line_costs_that_line(file: Path, broken: bytes, at: int) -> None:
    """The first, the last and one between; the number is that of an editor."""
    lines = [line(prompt="a"), line(prompt="b")]
    lines.insert(at, broken)
    file.with_suffix(".jsonl").write_bytes(b"\n".join(lines))

    found = read(file.with_suffix(".jsonl"))

    assert [type(each) for each in found].index(Unusable) == at
    assert found[at].where == f"{file}.jsonl:{at + 1}"
    assert [each.trace.prompt for each in found if isinstance(each, Found)] == ["a", "b"]


def test_file_that_is_truncated_gives_what_is_whole(file: Path) -> None:
    """As after a full disk: the last line is named, with why."""
    file.write_bytes(line(prompt="a") + b"\n" + line(prompt="b")[:-9])

    first, second = told(read(file), file)

    assert first == ":1 a"
    assert second.startswith(":2 it is not JSON")


def test_file_with_wrong_fields_names_them(file: Path) -> None:
    """Each of them, and its line."""
    file.write_bytes(line() + b"\n" + line(model=7, steps={}))

    wrong = read(file)[1]

    assert isinstance(wrong, Unusable)
    assert wrong.where.endswith(":2")
    assert "model: expected a string" in wrong.reason
    assert "steps: expected" in wrong.reason


def test_broken_json_over_many_lines_is_one_thing(file: Path) -> None:
    """Not a broken line for each."""
    file.write_text(json.dumps(PLAIN, indent=1)[:-3])

    (wrong,) = told(read(file), file)

    assert wrong.startswith(" it is not JSON")


@pytest.mark.parametrize("content", [b"", b"\n"])
@pytest.mark.parametrize("suffix", [".json", ".pb"])
def test_empty_file_is_told(file: Path, content: bytes, suffix: str) -> None:
    """It holds nothing to send."""
    named = file.with_suffix(suffix)
    named.write_bytes(content)

    assert [type(each) for each in read(named)] == [Unusable]


def test_files_of_spans_are_one_stream(tmp_path: Path) -> None:
    """Spans of one trace stand in several requests and files, in JSON, lines of JSON and protobuf."""
    trace_id, other = fresh_id(), fresh_id()
    (tmp_path / "a.pb").write_bytes(protobuf((trace_id, fresh_id(8), "first")))
    (tmp_path / "b.json").write_bytes(json_body(json_span(trace_id, "second")))
    lines = (
        json_body(json_span(trace_id, "third")),
        b'{"resourceSpans": 7}',
        json_body(json_span(other, "alone")),
    )
    (tmp_path / "c.jsonl").write_bytes(b"\n".join(lines))

    found = read(*(tmp_path / name for name in ("a.pb", "b.json", "c.jsonl")))

    by_id = {f.trace.otel_trace_id: [s.name for s in f.trace.steps] for f in found if isinstance(f, Found)}
    assert {trace: sorted(names) for trace, names in by_id.items()} == {
        trace_id.hex(): ["first", "second", "third"],
        other.hex(): ["alone"],
    }
    assert [f.where for f in found if isinstance(f, Unusable)] == [f"{tmp_path}/c.jsonl:2"]


def test_file_of_log_records_says_what_makes_use_of_them(file: Path) -> None:
    """They belong to spans, which `tracen convert --logs` joins."""
    file.write_text('{"resourceLogs": []}')

    (wrong,) = told(read(file), file)

    assert "tracen convert --logs" in wrong


def test_bytes_that_are_nothing_are_refused(file: Path) -> None:
    """A picture is neither a payload nor a request."""
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))

    (wrong,) = told(read(file), file)

    assert wrong.startswith(" neither a payload nor an OTLP trace request")


@pytest.mark.parametrize("content", [b'[{"run_type": "chain"}]', b'{"custom_id": "1", "body": {}}'])
def test_json_of_others_is_told_where_it_belongs(file: Path, content: bytes) -> None:
    """Not field by field what it lacks: it never was a payload."""
    file.write_bytes(content)

    (wrong,) = told(read(file), file)

    assert "neither a payload nor an OTLP trace request; exports of Phoenix" in wrong


def test_compressed_file_is_told(file: Path) -> None:
    """With what helps."""
    packed = file.with_suffix(".gz")
    packed.write_bytes(gzip.compress(b"{}"))

    (wrong,) = told(read(packed), packed)

    assert "gunzip" in wrong


def test_what_convert_prints_is_a_file_to_push(file: Path, tmp_path: Path) -> None:
    """The same traces as of the spans themselves."""
    spans = tmp_path / "spans.json"
    spans.write_bytes(json_body(json_span(fresh_id(), "a"), json_span(fresh_id(), "b")))
    file.write_text("\n".join(convert([str(spans)], extended=True)))

    of_lines = [each.trace for each in read(file) if isinstance(each, Found)]
    of_spans = [each.trace for each in read(spans) if isinstance(each, Found)]

    assert sorted(t.otel_trace_id or "" for t in of_lines) == sorted(t.otel_trace_id or "" for t in of_spans)
    assert len(of_lines) == 2


def test_secrets_in_files_are_masked(file: Path) -> None:
    """Before they leave the machine; how many is told with the trace."""
    secret = "sk-proj-" + "a1B2" * 12
    file.write_bytes(line(prompt=f"my key is {secret}"))

    (found,) = read(file, redacts=True)

    assert isinstance(found, Found)
    assert secret not in found.trace.prompt
    assert found.trace.masked == 1
