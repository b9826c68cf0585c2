"""A story → OTLP spans: ids and times for each act, and what its dialect writes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bridge.demo.dialects import DIALECT_BY_NAME, Dialect
from bridge.demo.story import Act, Story
from tracen_otel.model import SpanKind, StatusCode, StepKind
from viewer.forms.otlp_steps import attributes

NS_PER_MS = 1_000_000
MADE_UP = "tracen demo · "
"""How the service of each trace begins, as its page shows it: nobody shall take one for what really happened."""
_BETWEEN_MS = 0.4
"""From the end of one step to the start of the next."""
_REMOTE = frozenset((StepKind.LLM, StepKind.EMBEDDING, StepKind.HTTP, StepKind.DB))


@dataclass(frozen=True, slots=True)
class Told:
    """A trace as it is sent: resource and scope in OTLP/JSON, and its spans."""

    resource: dict[str, Any]
    scope: dict[str, Any]
    spans: list[dict[str, Any]]
    end_ns: int


def tell(story: Story, trace_id: str, start_ns: int, rng: Random) -> Told:
    """The spans of a story that began then; of an open act there is none."""
    teller = _Teller(story, trace_id, rng)
    root = replace(story.root, name=story.title) if story.title else story.root
    end_ns = teller.tell(root, None, start_ns)
    resource = {
        "service.name": f"{MADE_UP}{story.service}",
        "deployment.environment.name": story.environment,
        "telemetry.sdk.name": "opentelemetry",
    }
    scope = {"name": teller.dialect.scope, "version": teller.dialect.version}
    return Told({"attributes": attributes(resource)}, scope, teller.spans, end_ns)


class _Teller:
    def __init__(self, story: Story, trace_id: str, rng: Random) -> None:
        self._story = story
        self._trace_id = trace_id
        self._rng = rng
        self.dialect: Dialect = DIALECT_BY_NAME[story.dialect]
        self.spans: list[dict[str, Any]] = []

    def tell(self, act: Act, parent_id: str | None, start_ns: int) -> int:
        """Add the spans of an act, those within it after it; return when it ended."""
        span_id = f"{self._rng.getrandbits(64) or 1:016x}"
        place = len(self.spans)
        end_ns = start_ns + int(act.ms * NS_PER_MS / 2)
        latest = end_ns
        for inner in act.steps:
            latest = max(latest, self.tell(inner, span_id, end_ns))
            if not act.is_parallel:
                end_ns = latest + int(_BETWEEN_MS * NS_PER_MS)
        end_ns = latest + int(act.ms * NS_PER_MS / 2)
        if not act.is_open:
            self.spans.insert(place, self._span(act, span_id, parent_id, start_ns, end_ns))
        return end_ns

    def _span(
        self, act: Act, span_id: str, parent_id: str | None, start_ns: int, end_ns: int
    ) -> dict[str, Any]:
        values = {**self.dialect.attributes(act), **act.facts}
        if parent_id is None:
            values |= {"session.id": self._story.session or None, "user.id": self._story.user or None}
        told: dict[str, Any] = {
            "traceId": self._trace_id,
            "spanId": span_id,
            "name": self.dialect.name(act),
            "kind": int(SpanKind.CLIENT if act.kind in _REMOTE else SpanKind.INTERNAL),
            "startTimeUnixNano": str(start_ns),
            "endTimeUnixNano": str(end_ns),
        }
        if parent_id is not None:
            told["parentSpanId"] = parent_id
        if act.error:
            values["error.type"] = act.error.split(":")[0]
            told["status"] = {"code": int(StatusCode.ERROR), "message": act.error}
            told["events"] = [_exception(act.error, end_ns)]
        told["attributes"] = attributes({key: value for key, value in values.items() if value is not None})
        return told


def _exception(error: str, at_ns: int) -> dict[str, Any]:
    kind, _, words = error.partition(": ")
    told = {"exception.type": kind, "exception.message": words}
    return {"name": "exception", "timeUnixNano": str(at_ns), "attributes": attributes(told)}
