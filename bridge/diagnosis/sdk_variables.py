"""The variables by which an OTel SDK makes no spans, few, or can not start, whatever endpoint and key are.

OTel specification, configuration/sdk-environment-variables.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from bridge.diagnosis.finding import Finding, Subject
from bridge.secrecy import shown

_EXPORTERS = frozenset(
    {"otlp", "otlp_proto_grpc", "otlp_proto_http", "tracen", "console", "logging", "zipkin", "none"}
)
_SENDING = frozenset({"otlp", "otlp_proto_grpc", "otlp_proto_http", "tracen"})
_RATIOS = ("traceidratio", "parentbased_traceidratio")
_SAMPLERS = ("always_on", "always_off", "parentbased_always_on", "parentbased_always_off", *_RATIOS)
_REMOTE_SAMPLERS = ("jaeger_remote", "parentbased_jaeger_remote", "xray")
_OF_OTLP = ("ENDPOINT", "HEADERS", "TIMEOUT", "PROTOCOL", "COMPRESSION", "CERTIFICATE", "CLIENT_KEY",
            "CLIENT_CERTIFICATE", "INSECURE")  # fmt: skip
_KNOWN = frozenset(
    f"OTEL_EXPORTER_OTLP_{signal}{name}"
    for signal in ("", "TRACES_", "METRICS_", "LOGS_", "PROFILES_")
    for name in (*_OF_OTLP, "METRICS_TEMPORALITY_PREFERENCE", "METRICS_DEFAULT_HISTOGRAM_AGGREGATION")
) | {
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
}
_TRACEN_SLIPS = {
    "API_KEY": "KEY",
    "TOKEN": "KEY",
    "SECRET_KEY": "KEY",
    "URL": "ENDPOINT",
    "SERVER": "ENDPOINT",
}
"""Names after TRACEN_ that are taken for others."""
_SHORT_TIMEOUT = 1000.0
"""Milliseconds by the specification, seconds in Python: what is small is 10 ms to everybody else."""


def exporters_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The exporters that are named; OTLP's, where none is."""
    named = environ.get("OTEL_TRACES_EXPORTER", "").split(",")
    return tuple(filter(None, (name.strip() for name in named))) or ("otlp",)


def judge(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    """What is wrong with them; one line where nothing is."""
    found = [
        *_disabled(environ, subject),
        *_exporters(environ, subject),
        *_sampler(environ, subject),
        *_numbers(environ, subject),
        *_compression(environ, subject),
        *_resource(environ, subject),
        *_unknown(environ, subject),
    ]
    yield from found or [
        subject.ok("OTel SDK", f"on, exporter {', '.join(exporters_of(environ))}, every trace")
    ]


def _disabled(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    name = "OTEL_SDK_DISABLED"
    word = environ.get(name, "").strip().lower()
    if word == "true":
        yield subject.failure("OTel SDK", f"{name}=true: the SDK makes no spans at all", f"unset {name}")
    elif word not in ("", "false"):
        found = f"{name} is {shown(word)!r}; only `true` means true, so the SDK is on"
        yield subject.warning("OTel SDK", found, f"unset {name}")


def _exporters(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    name, check = "OTEL_TRACES_EXPORTER", "exporter"
    named = exporters_of(environ)
    repair = f"export {name}=otlp"
    unknown = [exporter for exporter in named if exporter not in _EXPORTERS]
    if unknown:
        found = f"{name} has {shown(unknown[0])!r}, which SDKs do not know: some do not start"
        yield subject.failure(check, found, repair)
    elif not _SENDING & set(named):
        why = "no spans are exported" if named == ("none",) else "spans are exported, but not to Tracen"
        yield subject.failure(check, f"{name}={','.join(named)}: {why}", repair)


def _sampler(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    name, check = "OTEL_TRACES_SAMPLER", "sampler"
    sampler = environ.get(name, "").strip()
    repair = f"unset {name}"
    if sampler.lower() in ("always_off", "parentbased_always_off"):
        yield subject.failure(check, f"{name}={sampler}: no trace is recorded", repair)
    elif sampler.lower() in _RATIOS:
        yield from _ratio(environ.get(f"{name}_ARG", "").strip(), name, subject)
    elif sampler in _REMOTE_SAMPLERS:
        yield subject.warning(
            check, f"{name}={sampler}: which traces are recorded is decided elsewhere", repair
        )
    elif sampler and sampler not in _SAMPLERS:
        found = f"{name} is {shown(sampler)!r}, which SDKs do not know; most record every trace then"
        yield subject.warning(check, found, repair)


def _ratio(text: str, name: str, subject: Subject) -> Iterator[Finding]:
    try:
        ratio = float(text or "1")
    except ValueError:
        ratio = -1.0
    repair = f"export {name}_ARG=1"
    if not 0 <= ratio <= 1:
        found = f"{name}_ARG is {shown(text)!r}; expected 0 to 1, most SDKs record every trace then"
        yield subject.warning("sampler", found, repair)
    elif ratio == 0:
        yield subject.failure("sampler", f"{name}_ARG={text}: no trace is recorded", repair)
    elif ratio < 1:
        yield subject.warning("sampler", f"{name}_ARG={text}: {ratio:.2%} of traces are recorded", repair)


def _numbers(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"):
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            is_number, number = True, float(text)
        except ValueError:
            is_number, number = False, 0.0
        if not is_number or not 0 < number < 1e9:
            found = f"{name} is {shown(text)!r}, and no time; some SDKs do not start"
            yield subject.failure("OTLP timeout", found, f"unset {name}")
        elif number < _SHORT_TIMEOUT:
            found = f"{name}={text} is seconds in Python, milliseconds in other languages; unset, it is 10 s"
            yield subject.warning("OTLP timeout", found, f"unset {name}")
        return


def _compression(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    name, value = compression_of(environ)
    if value not in ("", "none", "gzip", "deflate"):
        found = f"{name} is {shown(value)!r}; SDKs know gzip and none, and some do not start"
        yield subject.failure("compression", found, f"export {name}=gzip")


def compression_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that names the compression, and its value; the value "" where none does."""
    general, of_traces = "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"
    name = of_traces if environ.get(of_traces, "").strip() else general
    return name, environ.get(name, "").strip()


def _resource(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    name = "OTEL_RESOURCE_ATTRIBUTES"
    text = environ.get(name, "").strip()
    pairs = [piece.strip() for piece in text.split(",") if piece.strip()]
    wrong = next((n for n, pair in enumerate(pairs, 1) if not pair.partition("=")[1] or pair[0] == "="), None)
    repair = f"export {name}=service.name=my-agent,team=search"
    if wrong:
        found = f"{name} has no name=value in pair {wrong}; SDKs drop that, or all of it"
        yield subject.warning("resource", found, repair)
    elif set(text) & set("\"'"):
        yield subject.warning("resource", f"{name} has quotes in it, which are taken as part of it", repair)


def _unknown(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    for name in sorted(environ):
        if name.startswith(("OTEL_EXPORTER_OTLP", "OTEL_OTLP_")) and name not in _KNOWN:
            meant = difflib.get_close_matches(name, sorted(_KNOWN), 1, 0.8)
            repair = (f"{meant[0]} is meant?",) if meant else ()
            yield subject.warning("unknown name", f"{shown(name)} is no variable of OpenTelemetry", *repair)
    for slip, meant_name in _TRACEN_SLIPS.items():
        if f"TRACEN_{slip}" in environ:
            yield subject.warning(
                "unknown name", f"TRACEN_{slip} is no variable of Tracen", f"TRACEN_{meant_name} is meant?"
            )
