"""`tracen completion` in real shells: what a tab makes of a line."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess
from tests.viewer.keeping.whole import filled

TIMEOUT_S = 60
ROOT = Path(__file__).parents[3]


@pytest.fixture
def shell_env(tmp_path: Path) -> dict[str, str]:
    """An environment in which `tracen` is this one, and nothing else is set."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "tracen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bridge "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACEN_")}
    path = f"{folder}:{os.environ['PATH']}"
    return kept | {"PATH": path, "PYTHONPATH": str(ROOT), "TERM": "dumb", "HOME": str(tmp_path)}


def completed(env: dict[str, str], line: str) -> list[str]:
    """What bash would offer at the end of a line."""
    script = f"""eval "$(tracen completion bash)"
COMP_WORDS=({line}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_tracen_completion tracen 2>&1
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_and_options(shell_env: dict[str, str]) -> None:
    """Of the group, of a group in it, and of a command."""
    assert completed(shell_env, "tracen bac") == ["backup"]
    assert completed(shell_env, "tracen accounts li") == ["list", "link"]
    assert completed(shell_env, "tracen check --q") == ["--quick"]
    assert completed(shell_env, "tracen serve --log-level w") == ["warning"]
    assert completed(shell_env, "tracen completion ''") == ["bash", "zsh", "fish"]


def test_bash_completes_files_and_accounts(shell_env: dict[str, str], tmp_path: Path) -> None:
    """Files by its own means; accounts from the store, without a server, and nothing where there is no store."""
    store = filled(tmp_path / "t.db")
    before = store.path.read_bytes()
    assert "compopt: not currently executing completion function" in " ".join(
        completed(shell_env, "tracen backup ni")
    )
    assert "compopt:" in completed(shell_env, "tracen check --db /t")[3:]
    env = shell_env | {"TRACEN_DB": str(store.path)}
    assert completed(env, "tracen accounts link ad") == ["ada@example.com"]
    assert completed(env, "tracen keys create --account ad") == ["ada@example.com"]
    assert completed(env, "tracen accounts link bob") == []
    assert completed(shell_env, f"tracen accounts link --db {tmp_path}/no.db a") == []
    assert completed(shell_env, "tracen accounts link --db '~nobody-of-that-name/t.db' a") == []
    assert store.path.read_bytes() == before
    assert not (tmp_path / "no.db").exists()


def test_bash_completes_traces_of_the_server(shell_env: dict[str, str], tracen: TracenProcess) -> None:
    """The newest of the key's account, of the same server as `tracen open`; nothing where none is known or answers."""
    key = tracen.create_key(f"{fresh_id().hex()}@example.com")
    headers = {"content-type": "application/json", "x-tracen-key": key}
    body = json_body(json_span(fresh_id()))
    answer = httpx2.post(
        f"{tracen.http}/v1/traces", content=body, headers=headers, trust_env=False, timeout=60
    )
    page_id = answer.headers["x-tracen-url"].rpartition("/")[2]
    env = shell_env | {"TRACEN_KEY": key, "TRACEN_ENDPOINT": tracen.http}
    assert completed(env, "tracen open ''") == [page_id]
    assert completed(env, f"tracen open {page_id[:6]}") == [page_id]
    assert completed(env | {"TRACEN_ENDPOINT": "http://127.0.0.1:9"}, "tracen open ''") == []
    assert completed(env | {"TRACEN_ENDPOINT": f"http://u:p@{tracen.http[7:]}"}, "tracen open ''") == []
    of_store = shell_env | {"TRACEN_KEY": key, "TRACEN_DB": str(tracen.db)}
    assert completed(of_store, "tracen open ''") == [page_id]
    assert completed(of_store, "tracen open --db /nowhere/t.db ''") == []


@pytest.mark.parametrize(
    ("shell", "command", "before"),
    [
        ("bash", ["bash", "--norc", "-i"], 'eval "$(tracen completion bash)"'),
        ("zsh", ["zsh", "-f", "-i"], 'autoload -U compinit; compinit -u; eval "$(tracen completion zsh)"'),
    ],
)
def test_tab_completes_in_a_terminal(
    shell_env: dict[str, str], shell: str, command: list[str], before: str
) -> None:
    """The line that is typed becomes the one that was meant, and runs."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    child, terminal = pty.fork()
    if not child:
        os.execvpe(command[0], command, shell_env)  # noqa: S606 - a shell is what is tested
    try:
        os.write(terminal, f"{before}; echo rea''dy\n".encode())
        _read_until(terminal, r"(?m)^ready")
        os.write(terminal, b"tracen compl\t fi\t\n")
        _read_until(terminal, "__fish_complete_path")
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)


def _read_until(terminal: int, wanted: str) -> None:
    told, until_s = "", time.monotonic() + TIMEOUT_S
    while not re.search(wanted, told):
        ready, _, _ = select.select([terminal], [], [], max(0.0, until_s - time.monotonic()))
        assert ready, told
        told += os.read(terminal, 10_000).decode(errors="replace").replace("\r", "")


def test_fish_completes_with_descriptions(shell_env: dict[str, str]) -> None:
    """Its own question: what it would offer at the end of a line."""
    if shutil.which("fish") is None:
        pytest.skip("there is no fish here")
    script = 'tracen completion fish | source; complete -C "tracen bac"; complete -C "tracen check --q"'
    done = subprocess.run(
        ["fish", "-N", "-c", script], env=shell_env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["backup", "--quick"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_ends_in_how_to_install_it(shell: str) -> None:
    """As a comment: the script is what is evaluated."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "completion", shell],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert re.fullmatch(rf"# To install: .*tracen completion {shell}.*", done.stdout.splitlines()[-1])
