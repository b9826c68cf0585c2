"""Examples as programs of their own: what their first lines say, in a shell, with nothing but the environment set."""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from tests.processes import TracenProcess

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE_URL = re.compile(r"http://\S+?/traces/[0-9a-f-]{36}")
PORT_OF_SERVICES = "8001"
START_TIMEOUT_S = 180  # importing everything that is installed takes long on a busy machine
END_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Instructions:
    """What an example's first lines tell a reader to type."""

    packages: tuple[str, ...]
    commands: tuple[str, ...]

    @classmethod
    def of(cls, example: Path) -> Instructions:
        lines = [line.strip() for line in about(example).splitlines() if line.startswith("    ")]
        install = "pip install "
        asked = [word for line in lines if line.startswith(install) for word in shlex.split(line)[2:]]
        return cls(tuple(asked), tuple(line for line in lines if not line.startswith(install)))

    @property
    def distributions(self) -> list[str]:
        """The packages without their extras and versions."""
        return [re.split(r"[\[<>=~]", package)[0] for package in self.packages]

    def need_packages(self) -> None:
        """Skip the test where a package is not here."""
        for name in self.distributions:
            try:
                importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                pytest.skip(f"{name} is not installed: pip install {shlex.join(self.packages)}")

    def others_off(self) -> dict[str, str]:
        """Environment in which no instrumentation is used but those of these packages, as if no other were here."""
        points = importlib.metadata.entry_points(group="opentelemetry_instrumentor")
        others = [
            point.name for point in points if not point.dist or point.dist.name not in self.distributions
        ]
        return {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(others)}


def about(example: Path) -> str:
    """The docstring of a program, or the first cell of a notebook."""
    text = example.read_text(encoding="utf-8")
    if example.suffix == ".ipynb":
        return "".join(json.loads(text)["cells"][0]["source"])
    return ast.get_docstring(ast.parse(text), clean=False) or ""


@contextlib.contextmanager
def running_model() -> Iterator[str]:
    """The offline model for the length of a block; answers its address."""
    command = [sys.executable, "-m", "examples.model_server"]
    process = subprocess.Popen(command, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().removeprefix("ready ").strip().removesuffix("/v1")
    finally:
        process.terminate()
        process.wait(END_TIMEOUT_S)
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder with a copy of the examples, and the environment that their readers would have."""

    folder: Path
    environment: Mapping[str, str]
    outside: socket.socket
    """A proxy that nobody is to ask for: every address but those of this machine is behind it."""

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: Path, tracen: TracenProcess, model: str) -> Iterator[Shell]:
        built = shutil.ignore_patterns("__pycache__", "node_modules", "target")
        shutil.copytree(EXAMPLES, folder / "examples", ignore=built)
        with socket.create_server(("127.0.0.1", 0)) as outside:
            proxy = f"http://127.0.0.1:{outside.getsockname()[1]}"
            environment = {
                "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(folder),
                "HTTP_PROXY": proxy,
                "HTTPS_PROXY": proxy,
                "NO_PROXY": "127.0.0.1,localhost",
                "TRACEN_ENDPOINT": tracen.http,
                "TRACEN_KEY": tracen.key,
                "OPENAI_BASE_URL": model + "/v1",
                "OPENAI_API_KEY": "unused-by-the-example-model",
                "ANTHROPIC_BASE_URL": model,
                "ANTHROPIC_API_KEY": "unused-by-the-example-model",
                "MISTRAL_ENDPOINT": model,
                "MISTRAL_API_KEY": "unused-by-the-example-model",
            }
            yield cls(folder, environment, outside)

    def run(self, instructions: Instructions) -> str:
        """Type all commands; answers what was printed, and the notebooks that were written."""
        ended = subprocess.run(
            ["sh", "-ec", "\n".join(instructions.commands)],
            cwd=self.folder,
            env={**self.environment, **instructions.others_off()},
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )
        assert ended.returncode == 0, ended.stderr
        written = [path.read_text(encoding="utf-8") for path in self.folder.glob("examples/executed.ipynb")]
        return "\n".join([ended.stdout, *written])

    def ask_service(self, instructions: Instructions, **more: str) -> dict[str, Any]:
        """Start the service of the commands, do what their last one does, a curl; answers the service's reply."""
        *commands, curl = instructions.commands
        port = str(free_port())
        url = shlex.split(curl)[1].replace(PORT_OF_SERVICES, port)
        commands[-1] = "exec " + commands[-1].replace(PORT_OF_SERVICES, port)
        process = subprocess.Popen(
            ["sh", "-ec", "\n".join(commands)],
            cwd=self.folder,
            env={**self.environment, **instructions.others_off(), **more},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        told = ""
        try:
            while f":{port}" not in told:
                line = process.stderr.readline()
                assert line, told
                told += line
            assert urlsplit(url).hostname == "127.0.0.1"
            return urllib3.request("GET", url, timeout=START_TIMEOUT_S).json()  # type: ignore[no-any-return]
        finally:
            process.terminate()
            told += process.communicate(timeout=END_TIMEOUT_S)[1]

    def asked_outside(self) -> bool:
        """Tell whether a program wanted to speak with another machine."""
        self.outside.setblocking(False)
        try:
            self.outside.accept()[0].close()
        except BlockingIOError:
            return False
        return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
