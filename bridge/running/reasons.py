"""Why nothing arrived: what was seen, and the likeliest reason with its repair. Values in, sentences out."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.running.child import Ending
from bridge.running.environment import GRPC, HTTP, Destination
from bridge.running.installing import install_command
from bridge.running.languages import speaks_no_python
from bridge.running.notes import Findings
from bridge.running.strangers import HTTP2
from viewer.logs import one_line
from viewer.wording import plural

_FRAMEWORKS = frozenset(("httpx", "requests", "urllib3", "aiohttp", "boto3"))
_MAX_NAMED = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run from which no trace came. `strangers`: requests with nobody's key, by door.

    `launcher` is what the program is run with; `advice` what programs that are run so need.
    """

    launcher: str
    ending: Ending
    destination: Destination
    environment: Mapping[str, str]
    requests: Sequence[Mapping[str, Any]]
    strangers: Mapping[str, int]
    findings: Findings
    instruments: bool
    advice: Sequence[str] = ()


def missing_packages(findings: Findings, launcher: str = "") -> Iterator[str]:
    """What has to be installed to see more, where the program has no set-up of its own."""
    if findings.missing and not findings.own:
        packages = {*findings.missing, "opentelemetry-sdk", "opentelemetry-exporter-otlp"}
        python = (findings.lacking or findings.pythons or ("python",))[-1]
        yield one_line(f"To record calls of models: {install_command(python, packages, launcher)}")


def reasons(evidence: Evidence) -> Iterator[str]:
    """Sentences, the likeliest reason first."""
    found = False
    for reason in _REASONS:
        for sentence in reason(evidence):
            found = True
            yield sentence
    if not found:
        yield from _unknown(evidence)


def _refused(evidence: Evidence) -> Iterator[str]:
    told = {
        (str(one.get("outcome")), str(one.get("message"))): one
        for one in evidence.requests
        if one.get("outcome") not in ("accepted", "partial")
    }
    for (outcome, message), one in list(told.items())[:_MAX_NAMED]:
        yield one_line(f"Refused over {one.get('door')}: {outcome} ({one.get('status')}). {message}")


def _strangers(evidence: Evidence) -> Iterator[str]:
    if evidence.strangers.get(HTTP2):
        yield f"The program speaks gRPC to a port of OTLP/HTTP: run it with --protocol {GRPC}."
    for door, count in evidence.strangers.items():
        if door == HTTP2:
            continue
        yield (
            f"{plural(count, 'request')} came over {door} with a key that is nobody's, or with none: the program sets "
            "its own headers; have it send OTEL_EXPORTER_OTLP_HEADERS, or TRACEN_KEY as x-tracen-key."
        )


def _switched_off(evidence: Evidence) -> Iterator[str]:
    told = evidence.environment
    if told.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield "OTEL_SDK_DISABLED=true switches OpenTelemetry off: unset it."
    if (sampler := told.get("OTEL_TRACES_SAMPLER", "")).endswith(("always_off", "traceidratio")):
        yield f"OTEL_TRACES_SAMPLER={sampler} leaves traces out: unset it."
    for name in ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"):
        if told.get(name):
            yield f"{name} decides where spans go, whatever the environment says: unset it for this run."


def _own_set_up(evidence: Evidence) -> Iterator[str]:
    findings = evidence.findings
    elsewhere = [one for one in findings.exporters if not _is_ours(one, evidence.destination)]
    for exporter in elsewhere[:_MAX_NAMED]:
        name, _, address = exporter.partition(" ")
        if ".grpc." in name and address and evidence.destination.protocol == HTTP:
            yield f"The program exports over gRPC ({_short(name)}): run it with --protocol {GRPC}."
        elif address:
            yield (
                f"The program's own set-up sends to {address} ({_short(name)}): it was left alone. Let its endpoint "
                "come from OTEL_EXPORTER_OTLP_ENDPOINT."
            )
    if findings.own and not findings.exporters:
        yield (
            f"The program makes a TracerProvider of its own (in {findings.own[0]}) without an exporter: add "
            "BatchSpanProcessor(OTLPSpanExporter())."
        )


def _is_ours(exporter: str, destination: Destination) -> bool:
    address = exporter.partition(" ")[2]
    places = (destination.otlp, destination.http, destination.otlp.partition("://")[2])
    return (
        bool(address)
        and address.startswith(places)
        and not (".grpc." in exporter and destination.protocol == HTTP)
    )


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _not_instrumented(evidence: Evidence) -> Iterator[str]:
    findings = evidence.findings
    if not findings.pythons or findings.own or findings.provider:
        return
    python = findings.pythons[-1]
    if findings.missing:
        yield from missing_packages(findings, evidence.launcher)
    elif findings.instrumented and not findings.failed:
        by_weight = sorted(findings.instrumented, key=lambda name: name.rpartition(".")[2] in _FRAMEWORKS)
        names = ", ".join(by_weight[:_MAX_NAMED])
        yield f"It was instrumented ({names}), but called nothing that is recorded."
    elif not set(findings.libraries) - _FRAMEWORKS and not speaks_no_python(evidence.launcher):
        yield (
            f"{python} imported no library of models or agents that has an instrumentation: make spans by hand, or "
            "call a model through such a library."
        )


def _killed(evidence: Evidence) -> Iterator[str]:
    if evidence.ending.signal in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        yield (
            f"It was {evidence.ending.told()}, before its exporter had sent anything: spans leave in batches, every "
            f"{evidence.environment.get('OTEL_BSP_SCHEDULE_DELAY', '5000')} ms."
        )


def _no_traces(evidence: Evidence) -> Iterator[str]:
    accepted = [one for one in evidence.requests if one.get("outcome") in ("accepted", "partial")]
    signals = sorted({str(one.get("signal")) for one in accepted})
    if signals and "traces" not in signals:
        yield one_line(
            f"Only {' and '.join(signals)} came, and no traces: is the tracer of the program set up?"
        )


_REASONS = (_refused, _strangers, _switched_off, _own_set_up, _no_traces, _not_instrumented, _killed)
"""The likeliest first."""


def _unknown(evidence: Evidence) -> Iterator[str]:
    where = evidence.destination.otlp
    name = evidence.launcher
    if not evidence.instruments and "python" in name:
        yield (
            f"Nothing connected to {where}. If {name} has no OpenTelemetry set-up of its own: --no-instrument keeps "
            "Tracen from adding one."
        )
        return
    if "export" in evidence.findings.failed:
        yield f"Its spans could not be sent to {where}: was that server there until the end?"
        return
    if evidence.findings.pythons and (evidence.findings.own or evidence.findings.provider):
        yield "It has OpenTelemetry, but ended no span, or ended by os._exit before its exporter sent one."
        return
    if evidence.advice:
        yield f"Nothing connected to {where}."
        yield from map(one_line, evidence.advice)
        return
    yield (
        f"Nothing connected to {where}. Has {name} an OpenTelemetry SDK, and does that "
        "read OTEL_EXPORTER_OTLP_ENDPOINT?"
    )
    if not evidence.findings.pythons and "python" in name:
        yield "It could not be instrumented: Pythons before 3.9 are not, nor those with -I, -E or -S."
