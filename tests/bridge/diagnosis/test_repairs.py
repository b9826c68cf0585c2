"""The repair as it is printed, pasted into a shell, mends what it is printed for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.diagnosis.finding import Verdict
from bridge.diagnosis.report import cause_of
from tests.bridge.diagnosis.clinic import (
    GENERAL,
    HEADERS,
    OF_TRACES,
    PROTOCOL,
    STRANGE_KEY,
    Examined,
    add_key,
    examine,
    over_grpc,
    over_http,
)
from tests.processes import TracenProcess
from tests.tracen_otel.scripted_server import closed_port

COMMANDS = ("export ", "unset ")
ROUNDS = 3
OF_TRACES_HEADERS = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
Setup = Callable[[TracenProcess, str], dict[str, str]]


def grpc(tracen: TracenProcess) -> str:
    return f"http://{tracen.otlp_grpc}"


SETUPS: dict[str, Setup] = {
    "no key at all": lambda t, key: {GENERAL: t.otlp_http, PROTOCOL: "http/protobuf"},
    "no key beside other headers": lambda t, key: over_http(t.otlp_http, "") | {HEADERS: "x-team=search"},
    "no key in the headers, one in TRACEN_KEY": lambda t, key: {GENERAL: t.otlp_http, "TRACEN_KEY": key},
    "no key over gRPC": lambda t, key: over_grpc(grpc(t), "") | {HEADERS: ""},
    "a key of another server": lambda t, key: over_http(t.otlp_http, STRANGE_KEY),
    "a key of another server in both": lambda t, key: (
        over_http(t.otlp_http, STRANGE_KEY) | {"TRACEN_KEY": STRANGE_KEY}
    ),
    "a key of another server in the headers of traces": lambda t, key: (
        over_grpc(grpc(t), key) | {OF_TRACES_HEADERS: f"x-tracen-key={STRANGE_KEY}"}
    ),
    "a key of another server for posts": lambda t, key: {
        "TRACEN_ENDPOINT": t.http,
        "TRACEN_KEY": STRANGE_KEY,
    },
    "a key under a name that is not read": lambda t, key: (
        over_http(t.otlp_http, key) | {HEADERS: f"api-key={key}"}
    ),
    "quotes around the headers": lambda t, key: (
        over_http(t.otlp_http, key) | {HEADERS: f'"x-tracen-key={key}"'}
    ),
    "semicolons": lambda t, key: over_http(t.otlp_http, key) | {HEADERS: f"x-tracen-key={key};a=b"},
    "a colon": lambda t, key: over_http(t.otlp_http, key) | {HEADERS: f"X-Tracen-Key: {key}"},
    "gRPC to the port of HTTP": lambda t, key: over_grpc(t.otlp_http, key),
    "gRPC of traces to the port of HTTP": lambda t, key: (
        over_http(t.otlp_http, key) | {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}
    ),
    "HTTP to the port of gRPC": lambda t, key: over_http(grpc(t), key) | {PROTOCOL: "http/protobuf"},
    "HTTP of traces to the port of gRPC": lambda t, key: (
        over_http(grpc(t), key) | {OF_TRACES: f"{grpc(t)}/v1/traces", PROTOCOL: "http/json"}
    ),
    "a port on which nobody is": lambda t, key: over_http(f"http://127.0.0.1:{closed_port()}", key),
    "a host that there is not": lambda t, key: over_http("http://tracen.invalid:4318", key),
    "TLS where there is none": lambda t, key: over_http(t.otlp_http.replace("http:", "https:"), key),
    "a wrong path": lambda t, key: over_http(t.otlp_http, key) | {OF_TRACES: f"{t.otlp_http}/v1/trace"},
    "quotes around the endpoint": lambda t, key: over_http(f"'{t.otlp_http}'", key),
    "no scheme": lambda t, key: over_http(t.otlp_http.partition("//")[2], key),
    "posts to the port of OTLP": lambda t, key: {"TRACEN_ENDPOINT": t.otlp_http, "TRACEN_KEY": key},
    "posts with the path": lambda t, key: {"TRACEN_ENDPOINT": f"{t.http}/api/traces", "TRACEN_KEY": key},
    "a proxy": lambda t, key: over_http(t.otlp_http, key) | {"HTTP_PROXY": "http://proxy.example:3128"},
    "no exporter": lambda t, key: over_http(t.otlp_http, key) | {"OTEL_TRACES_EXPORTER": "none"},
    "a ratio of nothing": lambda t, key: (
        over_http(t.otlp_http, key) | {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    ),
    "files that there are not": lambda t, key: (
        over_http(t.otlp_http, key) | {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"}
    ),
}


def pasted(lines: tuple[str, ...], variables: dict[str, str], key: str) -> dict[str, str]:
    """The variables after these lines; a person fills in a placeholder, and runs what begins as a command."""
    repository = Path(__file__).parents[3]
    script = [f'tracen() {{ PYTHONPATH={repository} {sys.executable} -m bridge "$@"; }}']
    script += [line.replace("YOUR-KEY", key) for line in lines if line.startswith(COMMANDS)]
    script += [line.rpartition(": ")[2] for line in lines if ": unset " in line]
    done = subprocess.run(
        ["sh", "-ec", "\n".join([*script, "env -0"])],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(repository)} | variables,
    )
    told = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if line)
    return {
        name: value
        for name, value in told.items()
        if name not in ("PATH", "HOME", "PWD", "SHLVL", "OLDPWD", "_")
    }


def examined_as(variables: dict[str, str], db: Path) -> Examined:
    endpoint, key = variables.get("TRACEN_ENDPOINT", ""), variables.get("TRACEN_KEY", "")
    return examine(variables, endpoint=endpoint, key=key, db=str(db), posts=False, step_s=2.0)


@pytest.mark.parametrize("name", SETUPS)
def test_repair_mends_what_it_is_printed_for(tracen: TracenProcess, name: str) -> None:
    """A set-up may have more than one fault; each round mends the first that is told."""
    key = add_key(tracen)
    variables = SETUPS[name](tracen, key)
    examined = examined_as(variables, tracen.db)
    assert Verdict.FAILURE in examined.verdicts
    for _ in range(ROUNDS):
        cause = cause_of(examined.findings)
        if Verdict.FAILURE not in examined.verdicts or cause is None:
            break
        variables = pasted(cause.repair, variables, key)
        examined = examined_as(variables, tracen.db)
    assert Verdict.FAILURE not in examined.verdicts, cause_of(examined.findings)
    assert any(one.found == "sent, and on its page" for one in examined.findings)
