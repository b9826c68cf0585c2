"""The environment of a program that is run: where its spans go, and that they tell what was said.

What somebody has set stays, unless it would send the spans elsewhere. Values in, values out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tracen_otel.dialects import DIALECTS, Where
from tracen_otel.instrumentations import record_content

NOTES = "TRACEN_RUN"
"""The folder in which Pythons of the program note what they found."""
INJECTED = Path(__file__).with_name("injected")
"""On PYTHONPATH it has every Python of the program look at itself."""
HTTP, GRPC = "http/protobuf", "grpc"

_ENDPOINT, _HEADERS, _PROTOCOL = (
    f"OTEL_EXPORTER_OTLP_{name}" for name in ("ENDPOINT", "HEADERS", "PROTOCOL")
)
_METRICS_ENDPOINT, _METRICS_HEADERS = (
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
)
_TRACES_EXPORTER = "OTEL_TRACES_EXPORTER"
_OF_ONE_SIGNAL = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}_{name}"
    for signal in ("TRACES", "LOGS")
    for name in ("ENDPOINT", "HEADERS", "PROTOCOL")
)
"""They win over those of all signals."""
_DELAY_MS = "200"
"""Between two exports of a batch: of a program that is killed so much is lost."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
_LOOPBACK = "127.0.0.1,localhost,::1"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where spans go. `http` is the server's address, `otlp` that of the door for the protocol."""

    http: str
    otlp: str
    protocol: str
    key: str


@dataclass(frozen=True, slots=True)
class Environment:
    """`variables` are all of them; `overridden` names those of the user that were changed or left out."""

    variables: dict[str, str]
    overridden: tuple[str, ...]


def environment_of(
    own: Mapping[str, str], destination: Destination, notes: str, *, instruments: bool
) -> Environment:
    """What a program is given, instead of `own`. `notes`: the folder for them."""
    told = dict(own)
    _pin_metrics(told)
    for name in _OF_ONE_SIGNAL:
        told.pop(name, None)
    told |= {
        _ENDPOINT: destination.otlp,
        _HEADERS: f"x-tracen-key={destination.key}",
        _PROTOCOL: destination.protocol,
        _TRACES_EXPORTER: "tracen" if own.get(_TRACES_EXPORTER) == "tracen" else "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "TRACEN_ENDPOINT": destination.http,
        "TRACEN_KEY": destination.key,
        NOTES: notes,
    }
    overridden = tuple(sorted(name for name in own if own[name] and told.get(name) != own[name]))
    told.setdefault("OTEL_METRICS_EXPORTER", "none")
    for name in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY"):
        told.setdefault(name, _DELAY_MS)
    record_content(told)
    for name, value in content_switches():
        told.setdefault(name, value)
    _spare_proxies(told, destination.otlp)
    if instruments:
        told["PYTHONPATH"] = os.pathsep.join(filter(None, (str(INJECTED), own.get("PYTHONPATH"))))
    return Environment(told, overridden)


def content_switches() -> Iterator[tuple[str, str]]:
    """What instrumentations read that record nothing that was said unless they are told to.

    Those of OpenTelemetry's own are `record_content`'s: its values are not the same for all who read them.
    """
    for dialect in DIALECTS:
        for switch in dialect.capture:
            name, _, value = switch.setting.partition("=")
            is_off = switch.where is Where.ENVIRONMENT and not switch.note.startswith("On unless")
            if is_off and not name.startswith("OTEL_INSTRUMENTATION_GENAI_"):
                yield name, value


def _pin_metrics(told: dict[str, str]) -> None:
    """Metrics that go elsewhere go on as they did, and without our key."""
    if told.get(_METRICS_ENDPOINT) and not told.get(_METRICS_HEADERS):
        told[_METRICS_HEADERS] = told.get(_HEADERS) or "x-tracen-run=metrics"


def _spare_proxies(told: dict[str, str], url: str) -> None:
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return
    if not any(value for name, value in told.items() if name.lower() in _PROXIES):
        return
    before = told.get("no_proxy") or told.get("NO_PROXY") or ""
    for name in ("NO_PROXY", "no_proxy"):  # programs read one or the other
        told[name] = ",".join(filter(None, (before, _LOOPBACK)))
