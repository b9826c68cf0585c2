"""What a field's check accepts is what its JSON Schema says, so that the reference tells the truth."""

from __future__ import annotations

import datetime
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings, strategies as st

from tracen_otel import payload
from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS, Field

FIELDS = [
    pytest.param(field, id=f"{prefix}{field.name}")
    for prefix, fields in (("", TRACE_FIELDS), ("steps[].", STEP_FIELDS))
    for field in fields
]
PAYLOAD = {"prompt": "q", "response": "a", "provider": "openai", "model": "m", "status": "success"}
STEP = {"name": "s", "timestamp": "2026-11-24T09:00:00Z", "latency_ms": 5}
WORDS = ["role", "parts", "type", "text", "name", "id", "time_unix_nano", "attributes", "dialect", "key"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [-(2**63), 2**63 - 1, 2**63, 12.0, 1e19, "spans", "openai", "llm", "client", "ok", "0" * 32]
    )
    | st.from_regex("[0-9a-f]{32}|[0-9]{1,22}", fullmatch=True)
    | st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("field", FIELDS)
def test_field_schema_accepts_what_its_check_does(field: Field) -> None:
    """Values of every type, and those at the edges of what is accepted; a time is told as such by both."""
    validator = jsonschema_rs.Draft202012Validator(dict(field.schema))

    @settings(deadline=None)
    @given(values)
    @example([{"role": "user", "parts": [{"type": "text", "text": "hi"}]}])
    @example([{"role": "user", "parts": None}])
    @example([{"name": "e", "time_unix_nano": "12", "attributes": {}}])
    @example({"model": {"dialect": "d", "key": "k"}})
    def agrees(value: Any) -> None:
        is_time = field.schema.get("format") == "date-time" and isinstance(value, str)
        if not is_time:  # schemas tell formats, and validators need not look at them
            assert validator.is_valid(value) == (field.check(value) is None)

    agrees()


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones() | st.just(datetime.UTC)))
def test_timestamp_of_the_schema_is_accepted(moment: datetime.datetime) -> None:
    """RFC 3339, which the format date-time means, is within what is read."""
    (field,) = (field for field in STEP_FIELDS if field.name == "timestamp")
    offset = moment.utcoffset() or datetime.timedelta()
    if offset.total_seconds() % 60 == 0:
        assert field.check(moment.isoformat()) is None


def test_whole_numbers_may_have_a_fraction_of_nothing() -> None:
    """JSON has numbers alone: who writes 12.0 for 12 is read alike, in every field of that type."""
    fields = {f.name: 12.0 for f in TRACE_FIELDS if "integer" in f.schema.get("type", ())}
    in_step = {f.name: 12.0 for f in STEP_FIELDS if "integer" in f.schema.get("type", ())}
    assert len(fields) == 8
    for more in ({}, {"form": "spans", "otel_trace_id": "1" * 32}):
        steps = [STEP | in_step | {"id": "1"}]
        written = json.dumps(PAYLOAD | fields | more | {"steps": steps})
        whole = written.replace("12.0", "12")
        assert written != whole
        trace = payload.decode(json.loads(written))
        assert trace == payload.decode(json.loads(whole))
        assert "12.0" not in json.dumps(payload.encode(trace))
