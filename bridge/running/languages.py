"""How programs that are no Python of ours are had to send spans: the line to paste, by what they are run with."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.running.environment import GRPC, Destination

_NODE = frozenset(("node", "nodejs", "npm", "npx", "pnpm", "yarn", "tsx", "ts-node"))
_JAVA = frozenset(("java", "mvn", "mvnw", "gradle", "gradlew", "kotlin", "scala", "sbt", "jbang"))
_ELSEWHERE = frozenset(("docker", "podman", "nerdctl", "docker-compose", "kubectl", "ssh"))
_SHELLS = frozenset(("sh", "bash", "zsh", "dash", "ksh", "fish", "make", "gmake", "just", "task", "xargs"))
_WRAPPERS = frozenset(("env", "timeout", "nice", "nohup", "time", "stdbuf", "setsid", "caffeinate"))
_ARGUMENT_OF_WRAPPER = re.compile(r"-.*|\w+=.*|\d+(\.\d+)?[smhd]?", re.DOTALL)
_PLAIN_WORD = re.compile(r"[a-z][a-z:-]{0,19}")

_AUTO = "@opentelemetry/auto-instrumentations-node"
_REQUIRE = f"--require {_AUTO}/register"
_LOADER = "--experimental-loader=@opentelemetry/instrumentation/hook.mjs"
_OPENAI_UNSEEN = 7
"""The first version of the package that `_AUTO` does not instrument."""
_AGENT = "opentelemetry-javaagent.jar"
_AGENT_URL = (
    "https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/" + _AGENT
)
_MAX_BYTES = 1_000_000


def launcher_of(words: Sequence[str], path: str = "") -> str:
    """The name of what runs a program: `npm` of `env A=b npm start`, `node` of a script that begins with that."""
    rest = list(words)
    while len(rest) > 1 and os.path.basename(rest[0]) in _WRAPPERS:
        rest.pop(0)
        while len(rest) > 1 and _ARGUMENT_OF_WRAPPER.fullmatch(rest[0]):
            rest.pop(0)
    name = os.path.basename(rest[0])
    is_first = len(rest) == len(words)
    return (_interpreter(path) if path and is_first else "") or name


def _interpreter(path: str) -> str:
    """What the first line of a script names; "" of anything else."""
    try:
        with open(path, "rb") as file:
            first = file.readline(200).decode(errors="replace")
    except OSError:
        return ""
    named = [word for word in first.removeprefix("#!").split() if not word.startswith("-")]
    if not first.startswith("#!") or not named:
        return ""
    is_env = os.path.basename(named[0]) == "env" and len(named) > 1
    return os.path.basename(named[1] if is_env else named[0])


def advice(
    words: Sequence[str],
    launcher: str,
    environment: Mapping[str, str],
    destination: Destination,
    folder: Path,
) -> Iterator[str]:
    """Sentences; none where nothing is known of what runs the program. `folder` is the one that it was run in."""
    if launcher in _NODE:
        yield from _node(words, environment, folder)
        if _has_openai_unseen(folder):
            yield (
                "Of OpenAI's library, version 7 and later are seen through OpenInference alone: "
                f"{destination.http}/docs#openai-js has the lines."
            )
    elif launcher in _JAVA:
        yield from _java(words, environment, folder)
    elif launcher == "deno":
        yield f"deno records what it does where OTEL_DENO is true: OTEL_DENO=true {again(words)}"
    elif launcher == "go":
        kind = "otlptracegrpc" if destination.protocol == GRPC else "otlptracehttp"
        yield (
            f"A Go program makes its spans by itself: {kind}.New(ctx) of go.opentelemetry.io/otel, without options, "
            "sends them here; examples/go of Tracen is one that does."
        )
    elif launcher == "cargo":
        yield (
            "A Rust program makes its spans by itself: SpanExporter::builder() of opentelemetry-otlp sends them here; "
            "examples/rust of Tracen is one that does."
        )
    elif launcher == "sudo":
        yield "sudo gives a program an environment of its own, without where to send: sudo -E keeps this one."
    elif launcher in _ELSEWHERE:
        yield from _elsewhere(launcher, destination)
    elif launcher in _SHELLS:
        yield (
            f"What {launcher} starts has no OpenTelemetry SDK, or none that reads OTEL_EXPORTER_OTLP_ENDPOINT. To be "
            "told more, run the program itself: tracen run -- node app.js, java -jar app.jar, …"
        )


def speaks_no_python(launcher: str) -> bool:
    """Whether what is run so is no Python, whatever Pythons it may have started besides."""
    return launcher in _NODE | _JAVA | {"deno", "go", "cargo"}


def again(words: Sequence[str]) -> str:
    """The run once more, to be pasted. Further words may be secrets."""
    told = [os.path.basename(words[0]) if os.path.isabs(words[0]) else words[0]]
    second = words[1] if len(words) > 1 else ""
    if second and not second.startswith("-") and (Path(second).is_file() or _PLAIN_WORD.fullmatch(second)):
        told.append(second)
    return f"tracen run -- {shlex.join(told)}" + (" …" if len(words) > len(told) else "")


# -- Node ----------------------------------------------------------------------------------------------


def _node(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    given = f"{environment.get('NODE_OPTIONS', '')} {' '.join(words)}"
    is_module = (
        words[-1].endswith(".mjs") or any(word.endswith(".mjs") for word in words[:3]) or _is_module(folder)
    )
    if _AUTO in given:
        if is_module and "hook.mjs" not in given:
            yield f"It was instrumented, but not what it has by `import`: NODE_OPTIONS needs {_LOADER} as well."
        else:
            yield "It was instrumented, but called nothing that is recorded, or ended by process.exit() before that."
        return
    if not _is_installed(folder):
        yield f"Node programs without a set-up of their own need, once and in this folder: npm install {_AUTO}"
    options = " ".join(
        filter(None, (environment.get("NODE_OPTIONS", ""), _REQUIRE, _LOADER if is_module else ""))
    )
    yield f"To instrument it: NODE_OPTIONS={shlex.quote(options)} {again(words)}"


def _is_installed(folder: Path) -> bool:
    """Whether Node finds the package from there: it looks in each folder upwards."""
    return any(
        (parent / "node_modules" / _AUTO / "package.json").is_file() for parent in (folder, *folder.parents)
    )


def _is_module(folder: Path) -> bool:
    """Whether .js files there are ECMAScript modules."""
    return _nearest(folder, "package.json").get("type") == "module"


def _has_openai_unseen(folder: Path) -> bool:
    """Whether the package openai is one that OpenTelemetry's own instrumentation leaves out."""
    major = str(_nearest(folder, "node_modules/openai/package.json").get("version")).partition(".")[0]
    return major.isdecimal() and int(major[:9]) >= _OPENAI_UNSEEN


def _nearest(folder: Path, name: str) -> dict[str, Any]:
    """What a JSON file tells that Node finds from there: it looks in each folder upwards."""
    for parent in (folder, *folder.parents):
        try:
            with (parent / name).open("rb") as file:
                told = json.loads(file.read(_MAX_BYTES))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):
            return {}
        return told if isinstance(told, dict) else {}
    return {}


# -- others --------------------------------------------------------------------------------------------


def _java(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    given = environment.get("JAVA_TOOL_OPTIONS", "")
    if "opentelemetry" in f"{given} {' '.join(words)}" and "-javaagent" in f"{given} {' '.join(words)}":
        yield "It has OpenTelemetry's agent, but called nothing that is recorded, or was killed before it was sent."
        return
    if not (folder / _AGENT).is_file():
        yield f"Java programs without a set-up of their own need an agent, once: curl -LO {_AGENT_URL}"
    options = " ".join(filter(None, (given, f"-javaagent:{_AGENT}")))
    yield f"To instrument it: JAVA_TOOL_OPTIONS={shlex.quote(options)} {again(words)}"


def _elsewhere(launcher: str, destination: Destination) -> Iterator[str]:
    if launcher in ("docker", "podman", "nerdctl"):
        yield (
            f"A container has an environment and a network of its own: {launcher} run --network host "
            "-e OTEL_EXPORTER_OTLP_ENDPOINT -e OTEL_EXPORTER_OTLP_HEADERS -e OTEL_EXPORTER_OTLP_PROTOCOL …"
        )
    else:
        yield (
            f"What {launcher} runs has an environment of its own, and may not reach {destination.otlp}: give it "
            "OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS of a server that it reaches."
        )
