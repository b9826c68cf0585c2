"""`tracen convert` as a command: files and stdin in, JSON lines out, clear refusals."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridge.otlp_bodies import fresh_id, json_body, json_span, protobuf
from tests.tracen_otel.made_secrets import SECRET_BY_KIND
from tracen_otel.fields import TRACE_FIELDS


def convert(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bridge", "convert", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60)


def test_convert_reads_several_files_as_one_stream(tmp_path: Path) -> None:
    """One line a trace, in order of trace start, whichever files its spans are in; documented fields alone."""
    early, late = fresh_id(), fresh_id()
    (tmp_path / "1.json").write_bytes(
        json_body(json_span(late, "late", startTimeUnixNano="9000000000"), json_span(early, "early"))
    )
    (tmp_path / "2.pb").write_bytes(protobuf((late, fresh_id(8), "more")))
    done = convert(str(tmp_path / "1.json"), str(tmp_path / "2.pb"), "--extended")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["otel_trace_id"]: len(line["steps"]) for line in lines} == {early.hex(): 1, late.hex(): 2}
    assert [line["start_time_unix_nano"] for line in lines] == sorted(
        line["start_time_unix_nano"] for line in lines
    )
    strict = json.loads(convert(str(tmp_path / "2.pb")).stdout)
    assert set(strict) == {field.name for field in TRACE_FIELDS if field.documented}


def test_convert_masks_unless_told_otherwise() -> None:
    """A payload is there to be sent on: secrets in it are masked, and counted in the extension."""
    secret = SECRET_BY_KIND["GitHub token"]
    body = json_body(json_span(fresh_id(), f"use {secret}"))

    masked, as_it_came = (
        json.loads(convert("-", *more, stdin=body).stdout) for more in (["--extended"], ["--no-redact"])
    )

    assert (masked["steps"][0]["name"], masked["masked"]) == ("use [masked: GitHub token]", 1)
    assert as_it_came["steps"][0]["name"] == f"use {secret}"


@pytest.mark.parametrize(
    "body",
    [json_body(json_span(fresh_id())), protobuf((fresh_id(), fresh_id(8), "a"))],
    ids=["json", "protobuf"],
)
def test_convert_reads_either_encoding_from_stdin(body: bytes) -> None:
    """`-` is stdin; the encoding is seen by itself."""
    done = convert("-", stdin=body)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("bad.json", b"{", "no OTLP trace request in protobuf or JSON (not JSON"),
        ("bad.pb", b"garbage", "exports of Phoenix, Langfuse and Jaeger are for `tracen import`"),
        ("runs.json", b'[{"run_type": "chain"}]', "expected a JSON object"),
        ("empty.json", b"\n", "the file is empty"),
        ("a.json.gz", gzip.compress(b"{}", mtime=0), "it is compressed"),
        ("gone.pb", None, "No such file or directory"),
    ],
)
def test_convert_names_the_file_that_it_can_not_read(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    """Exit 1, the file in the message, what is wrong with it and what would be taken, no traceback."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = convert(str(tmp_path / name))
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"tracen: {tmp_path / name}: ")
    assert told in done.stderr.decode()


def test_convert_without_files_explains_itself() -> None:
    """A wrong call is exit 2 with the usage."""
    done = convert()
    assert done.returncode == 2
    assert b"Usage: tracen convert" in done.stderr
