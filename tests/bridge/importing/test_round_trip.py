"""What our own writers of each format tell is what is read; cut off anywhere, what is whole of it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bridge.importing.reading import UnknownFormat
from tests.bridge.importing.exports_of import EXPORTS, WRITERS, Facts, Writer, facts_of, read

_IDS = st.integers(1, 2**64 - 1).map("{:016x}".format)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_NAMES = _TEXTS.filter(bool)
_TIMES = st.integers(10**15, 2 * 10**15)


@st.composite
def _facts(draw: st.DrawFn) -> Facts:
    start = draw(_TIMES)
    return Facts(
        draw(st.integers(2**64, 2**128 - 1).map("{:032x}".format)),
        draw(_IDS),
        draw(_NAMES),
        draw(st.none() | _IDS),
        start,
        start + draw(st.integers(0, 10**9)),
        draw(st.none() | _TEXTS),
    )


def _texts() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(["x.a", "x.b.c", "x.d"]), _TEXTS, max_size=3)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spans=st.lists(_facts(), min_size=1, max_size=6, unique_by=lambda span: span.span_id))
def test_spans_are_read_as_they_were_written(write: Writer, spans: list[Facts], tmp_path: Path) -> None:
    """Ids, names, parents, times to the microsecond, errors: nothing is lost in any format."""
    path = tmp_path / "export"
    path.write_text(write(spans), encoding="utf-8")
    told, skipped = read(path)
    assert not skipped
    assert sorted(map(_key, told)) == sorted(map(repr, spans))


def _key(span: object) -> str:
    return repr(facts_of(span.span))  # type: ignore[attr-defined]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(span=_facts(), texts=_texts())
def test_attributes_are_read_as_they_were_written(span: Facts, texts: dict[str, str], tmp_path: Path) -> None:
    """Attributes keep their keys and texts in all formats that have attributes of any name."""
    path = tmp_path / "export"
    told = Facts(span.trace_id, span.span_id, span.name, texts=texts)
    for write in WRITERS[:-2]:
        path.write_text(write([told]), encoding="utf-8")
        (read_back,), _ = read(path)
        assert facts_of(read_back.span).texts == texts, write


@pytest.mark.parametrize(
    "name",
    [
        "jaeger.json",
        "phoenix-rest.json",
        "langfuse-trace.json",
        "jaeger-v3.json",
        "langfuse-observations.jsonl",
    ],
)
def test_of_a_file_that_is_cut_off_the_whole_spans_are_read(name: str, tmp_path: Path) -> None:
    """A longer part never tells less; each part but the whole is complained of, with its last line and its size."""
    body = _dense(EXPORTS / name)
    path = tmp_path / name
    last = 0
    for size in range(1, len(body), 1 if len(body) < 1_000 else 7):
        path.write_bytes(body[:size])
        try:
            spans, skipped = read(path)
        except UnknownFormat:
            assert last == 0
            continue
        last, before = len(spans), last
        assert last >= before, size
        is_whole = body[size:].strip() in (b"", b"}") and name.endswith("jsonl")
        if not is_whole and not (name.endswith("jsonl") and body[size - 1 : size] in b"}\n"):
            assert [item.byte for item in skipped] == [size]
            assert skipped[0].line == body[:size].rstrip(b"\n").count(b"\n") + 1
    path.write_bytes(body)
    spans, skipped = read(path)
    assert not skipped
    assert len(spans) >= last > 0


def _dense(path: Path) -> bytes:
    """The same with little white space, so that there are fewer places to cut, over several lines."""
    if path.suffix == ".jsonl":
        return path.read_bytes()
    return json.dumps(json.loads(path.read_text("utf-8")), separators=(",", ":"), indent=0).encode()


@pytest.mark.parametrize(
    "written", [w for w in WRITERS if w.__name__.startswith("phoenix")], ids=lambda w: w.__name__
)
def test_of_a_frame_cut_off_anywhere_whole_rows_alone_are_read(written: Writer, tmp_path: Path) -> None:
    """No half row becomes a span; by columns, where no row is whole before the end, none does."""
    spans = [Facts(f"{n:032x}", f"{n:016x}", f"name {n}", None, 10**15, 10**15 + 5) for n in range(1, 5)]
    body = written(spans).encode()
    path = tmp_path / "frame"
    for size in range(1, len(body), 3):
        path.write_bytes(body[:size])
        try:
            told, _ = read(path)
        except UnknownFormat:
            continue
        assert all(facts_of(span.span) in spans for span in told), size


def test_compressed_bytes_that_end_early_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    """A gzip stream that is cut off is told to be."""
    lines = b"".join(
        json.dumps({**json.loads(line), "id": f"{n:016x}"}).encode() + b"\n"
        for n in range(1, 400)
        for line in (EXPORTS / "langfuse-observations.jsonl").read_bytes().splitlines()[:1]
    )
    path = tmp_path / "export.jsonl.gz"
    whole = gzip.compress(lines)
    path.write_bytes(whole)
    assert len(read(path)[0]) == 399
    path.write_bytes(whole[: len(whole) * 3 // 4])
    spans, skipped = read(path)
    assert 0 < len(spans) < 399
    assert "compressed bytes end early" in skipped[-1].reason


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from _places(inner, (*path, name))


@pytest.mark.parametrize(
    "name", ["jaeger.json", "phoenix-rest.json", "phoenix-otlpv1.json", "langfuse-trace.json"]
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.data())
def test_a_field_of_another_type_costs_one_record_at_most(
    name: str, choice: st.DataObject, tmp_path: Path
) -> None:
    """Whatever stands anywhere: no traceback, and all records but that one, or its trace's head, are read."""
    told = json.loads((EXPORTS / name).read_text("utf-8"))
    whole = len(read(EXPORTS / name)[0])
    places = [path for path in _places(told) if _is_within_a_record(path)]
    *way, last = choice.draw(st.sampled_from(places))
    inner = told
    for step in way:
        inner = inner[step]
    inner[last] = choice.draw(_JSON)
    path = tmp_path / "export"
    path.write_text(json.dumps(told), encoding="utf-8")
    spans, _ = read(path)
    made_roots = name.startswith("langfuse")  # where one of two observations at the top is left, none is made
    assert len(spans) >= whole - 1 - made_roots


def _is_within_a_record(path: tuple[Any, ...]) -> bool:
    """Beneath an array of spans or observations, or beside it; not an array of records itself."""
    return len(path) > 1 and path[-1] not in ("spans", "observations") and path not in (("data", 0),)
