"""Every example, run as its first lines say, against a real Tracen and the offline model; the page tells its run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.examples.programs import EXAMPLES, PAGE_URL, Instructions, Shell, running_model
from tests.processes import TracenProcess

QUESTION = "Where is it warmer today, in Lisbon or in Oslo?"
ASKED_OF_SERVICES = "Is it warmer in Lisbon or in Oslo"
ANSWER = "Lisbon, with 24 °C; Oslo has 7 °C."
PATIENT = "--timeout 170 --no-control-socket"  # a busy machine imports for long; socket paths have a limit
OF_MAKE_RUN = {"agent.py", "run.py"}  # test_examples.py


@dataclass(frozen=True, slots=True)
class Facts:
    """What an example's page has to tell; tokens are those of the model's own counting, each call once."""

    provider: str
    model: str
    input_tokens: int
    output_tokens: int = 33
    prompt: str = QUESTION


GPT = ("openai", "gpt-5.4-mini")
FACTS_BY_PROGRAM = {
    "anthropic_sdk.py": Facts("anthropic", "claude-sonnet-5-5", 74),
    "langchain_agent.py": Facts(*GPT, 84),
    "llamaindex_agent.py": Facts("mistral", "mistral-large-latest", 84),
    "notebook.ipynb": Facts(*GPT, 84),
    "openai_agents.py": Facts(*GPT, 84),
    "openai_sdk.py": Facts(*GPT, 74),
    "plain_otel.py": Facts(
        *GPT,
        40,
        13,
        "Say in one sentence where it is warmer: "
        '{"city": "Lisbon", "celsius": 24}, {"city": "Oslo", "celsius": 7}',
    ),
    "pydantic_ai_agent.py": Facts(*GPT, 84),
}
FACTS_BY_SERVICE = {
    "fastapi_service.py": Facts(*GPT, 76, prompt=ASKED_OF_SERVICES),
    "gunicorn_service.py": Facts(*GPT, 76, prompt=ASKED_OF_SERVICES),
}


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with running_model() as address:
        yield address


@pytest.fixture
def shell(tmp_path: Path, tracen: TracenProcess, model: str) -> Iterator[Shell]:
    with Shell.opened(tmp_path, tracen, model) as shell:
        yield shell


def payload_of(url: str) -> dict[str, Any]:
    reply = urllib3.request("GET", url + ".json", timeout=10)
    assert reply.status == 200, f"{url} answers {reply.status}"
    return reply.json()  # type: ignore[no-any-return]


def assert_tells(payload: dict[str, Any], facts: Facts) -> None:
    told = Facts(**{field.name: payload[field.name] for field in fields(Facts)})
    assert told == facts
    assert (payload["response"], payload["status"]) == (ANSWER, "success")
    assert not payload.get("error_message")
    lisbon, oslo = (step["output"] for step in payload["steps"] if step["kind"] == "tool")
    assert re.search("Lisbon.*24", lisbon)
    assert re.search("Oslo.*7", oslo)
    assert {step["status"] for step in payload["steps"]} == {"success"}


@pytest.mark.parametrize("name", FACTS_BY_PROGRAM)
def test_program_prints_the_url_of_a_page_that_tells_its_run(name: str, shell: Shell) -> None:
    """Prompt, answer, model, tokens and tools are the run's, and no other machine was spoken to."""
    instructions = Instructions.of(EXAMPLES / name)
    instructions.need_packages()

    (url,) = PAGE_URL.findall(shell.run(instructions))

    assert_tells(payload_of(url), FACTS_BY_PROGRAM[name])
    assert not shell.asked_outside()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("fastapi_service.py", {}),
        ("gunicorn_service.py", {"GUNICORN_CMD_ARGS": PATIENT}),
        ("gunicorn_service.py", {"GUNICORN_CMD_ARGS": f"{PATIENT} --preload"}),
    ],
)
def test_service_replies_with_the_url_of_its_page(name: str, more: dict[str, str], shell: Shell) -> None:
    """The URL is told before the run has ended, and the page is there when the service has."""
    instructions = Instructions.of(EXAMPLES / name)
    instructions.need_packages()

    reply = shell.ask_service(instructions, **more)

    assert reply["answer"] == ANSWER
    assert_tells(payload_of(reply["trace"]), FACTS_BY_SERVICE[name])
    assert not shell.asked_outside()


def test_every_example_is_run_and_in_the_index() -> None:
    """A new file is tested, and found by readers."""
    examples = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")} - {
        "__init__.py"
    }
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert examples == OF_MAKE_RUN | FACTS_BY_PROGRAM.keys() | FACTS_BY_SERVICE.keys()
    assert set(re.findall(r"^\| \[(\S+)\]\(\1\)", index, re.MULTILINE)) == examples


@pytest.mark.parametrize("name", [*FACTS_BY_PROGRAM, *FACTS_BY_SERVICE])
def test_example_says_how_it_is_run(name: str) -> None:
    """What is to be installed comes first, Tracen's own package before all; examples are short."""
    instructions = Instructions.of(EXAMPLES / name)

    assert instructions.packages[0] == "tracen-otel"
    assert any(name.removesuffix(".py") in command for command in instructions.commands)
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 85
