"""Of a resource everybody may know the service and what ran it, and nobody whose machine that was."""

from __future__ import annotations

import pytest

from tests.tracen_otel.sdk_resources import CANARY, PRIVATE_BY_SDK, SERVICE, TOLD
from tracen_otel.machine import without_machine, without_person
from tracen_otel.model import Event, LogRecord, Span
from tracen_otel.redact import Redaction


@pytest.mark.parametrize("sdk", PRIVATE_BY_SDK)
def test_what_detectors_tell_of_machine_and_user_is_left_out(sdk: str) -> None:
    """Names, addresses, paths and command lines are gone, whichever SDK told them; all else stays in its order."""
    private = PRIVATE_BY_SDK[sdk]
    assert all(CANARY in str(value) or key == "host.ip" for key, value in private.items())

    assert without_machine({**SERVICE, **private, **TOLD}) == {**SERVICE, **TOLD}


def test_a_resource_that_tells_nothing_of_a_machine_is_told_as_it_came() -> None:
    """It is the same object: all spans of a process share it."""
    assert without_machine(TOLD) is TOLD


@pytest.mark.parametrize(
    ("told", "public"),
    [
        ("unknown_service:/home/canary/.nvm/versions/node/v22.9.0/bin/node", "unknown_service:node"),
        (r"unknown_service:C:\Users\canary\agent.exe", "unknown_service:agent.exe"),
        ("unknown_service:java", "unknown_service:java"),
        ("unknown_service", "unknown_service"),
        ("team/weather-agent", "team/weather-agent"),
        ("team/unknown_service:/a/b", "team/unknown_service:/a/b"),
    ],
)
def test_a_service_without_a_name_is_told_by_its_program_not_by_its_path(told: str, public: str) -> None:
    """SDKs make up a name of how the program was started; a name that somebody gave stays."""
    assert without_machine({"service.name": told}) == {"service.name": public}


@pytest.mark.parametrize("value", [None, 7, ["unknown_service:/home/canary/node"]])
def test_a_service_name_that_is_no_text_stays(value: object) -> None:
    """It is shown nowhere as a name."""
    resource = {"service.name": value}
    assert without_machine(resource) is resource


def test_spans_lose_the_machine_with_their_secrets_and_count_it_as_none() -> None:
    """Redaction leaves it out, of spans with a secret and without one; it is no secret that was masked."""
    resource = {**TOLD, **PRIVATE_BY_SDK["Node"]}
    span = Span("a" * 32, "b" * 16, "chat", resource=resource)
    secret = Span("a" * 32, "c" * 16, "chat", attributes={"password": "swordfish-4711"}, resource=resource)

    clean, masked = map(Redaction().span, (span, secret))

    assert (clean.resource, masked.resource) == (TOLD, TOLD)
    assert (clean.masked, masked.masked) == (0, 1)
    assert Redaction(redact=False).span(span) is span


def test_what_a_span_tells_of_a_command_stays() -> None:
    """An agent that ran a command tells of its work; only a resource tells where it ran."""
    span = Span(
        "a" * 32, "b" * 16, "run", attributes={"process.command_args": ["ls", "-l"], "host.name": "db"}
    )
    assert Redaction().span(span) is span


@pytest.mark.parametrize(
    ("told", "public"),
    [
        ({"user.email": "canary@mail.example", "a": 1}, {"a": 1}),
        ({"user.full_name": "Canary Bird"}, {}),
        ({"user.id": "canary@mail.example"}, {}),
        ({"enduser.id": "canary@mail.example"}, {}),
        ({"code.filepath": "/home/canary/app/main.py"}, {"code.filepath": "~/app/main.py"}),
        ({"code.file.path": "/Users/canary/app/main.py"}, {"code.file.path": "~/app/main.py"}),
        ({"code.file.path": "file:///Users/canary/app/main.js"}, {"code.file.path": "~/app/main.js"}),
        ({"code.file.path": r"C:\Users\canary\main.cs"}, {"code.file.path": r"~\main.cs"}),
    ],
)
def test_a_span_tells_no_address_of_a_person_and_nobodys_home(
    told: dict[str, object], public: dict[str, object]
) -> None:
    """Nobody means to publish them."""
    assert without_person(told) == public


@pytest.mark.parametrize(
    "told",
    [
        {"user.id": "user-42", "enduser.id": 42, "session.id": "a@b"},
        {"code.filepath": "src/home/main.py", "code.file.path": "/app/main.py"},
        {"input.value": "Write to canary@mail.example, see /home/canary/notes.md"},
    ],
)
def test_what_a_span_is_found_by_and_what_its_agent_did_stays(told: dict[str, object]) -> None:
    """An id that somebody set is there to find traces by; a conversation is what the page is for."""
    assert without_person(told) is told


def test_redaction_leaves_persons_out_of_spans_events_and_log_records() -> None:
    """It is no secret that was masked, and switched off with the rest."""
    attributes = {"user.email": "canary@mail.example", "session.id": "s"}
    event = Event("api_request", 1, attributes)
    span = Span("a" * 32, "b" * 16, "chat", attributes=attributes, events=(event,))
    record = LogRecord("a" * 32, "b" * 16, event)

    masked, told = Redaction().span(span), Redaction().log_record(record)

    assert masked.attributes == masked.events[0].attributes == told.event.attributes == {"session.id": "s"}
    assert (masked.masked, told.masked) == (0, 0)
    assert Redaction(redact=False).span(span) is span
    assert Redaction(redact=False).log_record(record) is record
