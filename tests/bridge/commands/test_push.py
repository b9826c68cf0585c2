"""`tracen push`, between real servers and to strict ones."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result

from bridge.cli import tracen as command_line
from tests.bridge.forwarding.strict_tracen import KEY, Manners, RunningStrictTracen, redirect, strict_tracen
from tests.bridge.otlp_bodies import fresh_id, json_body, json_span
from tests.processes import TracenProcess, running_tracen
from tests.viewer.samples import PLAIN
from viewer.store.base import Sharing
from viewer.store.engines import open_store

TIMEOUT_S = 60
NOWHERE = "http://127.0.0.1:9"
PAGE = f"{NOWHERE}/traces/b0d0e6a4-25f3-4a51-b0ff-6a7a3bbe0f10"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """Another server, with another store."""
    with running_tracen(
        tmp_path_factory.mktemp("elsewhere") / "elsewhere.db", "--requests-per-hour", "1000"
    ) as process:
        yield process


@pytest.fixture
def strict() -> Iterator[RunningStrictTracen]:
    with strict_tracen(Manners(refuses_unknown_fields=True)) as running:
        yield running


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """One payload, unlike all others."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(PLAIN | {"prompt": fresh_id().hex()}))
    return path


def push(*arguments: str, key: str = "", **environment: str) -> Result:
    """Run `tracen push …` to its end, in this process: each of its own would cost a second."""
    cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TRACEN_")}
    keys = {"TRACEN_FORWARD_KEY": key} if key else {}
    done = CliRunner().invoke(command_line, ["push", *arguments], env=cleared | keys | environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert not key or key not in done.output
    return done


def pushed(*arguments: str, key: str) -> list[str]:
    """The URLs that a command which succeeds prints."""
    done = push(*arguments, key=key)
    assert done.exit_code == 0, done.stderr
    return done.stdout.splitlines()


def tracen_command(*arguments: str, stdin: str = "", **environment: str) -> str:
    """What a command prints, as a process of its own that succeeds."""
    command = [sys.executable, "-m", "bridge", *arguments]
    settings = os.environ | environment
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S, env=settings
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def payload_of(url: str) -> dict[str, Any]:
    answer = httpx2.get(f"{url}.json", trust_env=False, timeout=TIMEOUT_S)
    assert answer.status_code == 200
    value: dict[str, Any] = answer.json()
    return value


def post(tracen: TracenProcess, **changed: Any) -> dict[str, str]:
    headers = {"x-tracen-key": tracen.key}
    url = f"{tracen.http}/api/traces"
    answer = httpx2.post(url, json=PLAIN | changed, headers=headers, trust_env=False, timeout=TIMEOUT_S)
    told: dict[str, str] = answer.json()
    return told


def export(tracen: TracenProcess, key: str, trace_id: bytes, *names: str) -> None:
    headers = {"content-type": "application/json", "x-tracen-key": key}
    body = json_body(*(json_span(trace_id, name) for name in names))
    url = f"{tracen.http}/v1/traces"
    answer = httpx2.post(url, content=body, headers=headers, trust_env=False, timeout=TIMEOUT_S)
    assert answer.status_code == 200


def share(tracen: TracenProcess, page_id: str, sharing: Sharing) -> None:
    async def work() -> None:
        store = open_store(str(tracen.db), exclusive=False)
        page = await store.page(page_id)
        assert page is not None
        await store.set_sharing(page, sharing)
        await store.close()

    asyncio.run(work())


# -- files ---------------------------------------------------------------------------------------------


def test_push_of_a_file_prints_its_page_there(elsewhere: TracenProcess, run_file: Path) -> None:
    """The same however often, and what was sent is what is there."""
    first = pushed(str(run_file), "--to", elsewhere.http, key=elsewhere.key)
    second = pushed(str(run_file), "--to", f"{elsewhere.http}/", key=elsewhere.key)

    assert first == second
    assert payload_of(first[0])["prompt"] == json.loads(run_file.read_text())["prompt"]


def test_push_of_lines_sends_what_is_whole(elsewhere: TracenProcess, tmp_path: Path) -> None:
    """A URL a line; a broken line is named, the others are sent, and the command has failed."""
    file = tmp_path / "runs.jsonl"
    file.write_text(
        "\n".join([json.dumps(PLAIN | {"prompt": "a"}), "{", json.dumps(PLAIN | {"prompt": "b"})])
    )

    done = push(str(file), "--to", elsewhere.http, key=elsewhere.key)

    assert done.exit_code == 1
    assert [payload_of(url)["prompt"] for url in done.stdout.splitlines()] == ["a", "b"]
    assert f"{file}:2: it is not JSON" in done.stderr
    assert f"2 sent to {elsewhere.http}, 1 not." in done.stderr


def test_push_reads_what_convert_prints(elsewhere: TracenProcess, tmp_path: Path) -> None:
    """Through a pipe; and the spans themselves get the same page."""
    spans = tmp_path / "spans.json"
    spans.write_bytes(json_body(json_span(fresh_id(), "a"), json_span(fresh_id(), "b")))
    lines = tracen_command("convert", str(spans), "--extended")
    arguments = ("push", "-", "--to", elsewhere.http)
    of_lines = tracen_command(*arguments, stdin=lines, TRACEN_FORWARD_KEY=elsewhere.key).splitlines()
    of_spans = pushed(str(spans), "--to", elsewhere.http, key=elsewhere.key)

    assert len(set(of_lines)) == 2
    assert set(of_lines) == set(of_spans)


def test_push_json_tells_what_became_of_what(elsewhere: TracenProcess, run_file: Path) -> None:
    """For programs: an object a line."""
    (line,) = pushed(str(run_file), "--to", elsewhere.http, "--json", key=elsewhere.key)

    told = json.loads(line)
    assert told["source"] == f"{run_file}:1"
    assert told["url"] == f"{elsewhere.http}/traces/{told['trace_id']}"


def test_push_into_a_file_has_its_bar_in_the_terminal(strict: RunningStrictTracen, run_file: Path) -> None:
    """URLs go where they were led to, progress and remarks to the terminal."""
    reading, writing = pty.openpty()
    command = [sys.executable, "-m", "bridge", "push", str(run_file), str(run_file), "--to", strict.endpoint]
    environment = os.environ | {"TRACEN_FORWARD_KEY": KEY, "TERM": "xterm"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=writing, env=environment, timeout=TIMEOUT_S, check=True
    )
    os.close(writing)
    told = os.read(reading, 100_000).decode()
    os.close(reading)

    assert [line.startswith(strict.endpoint) for line in done.stdout.decode().splitlines()] == [True, True]
    assert "/traces/" not in told
    assert "sent" in told
    assert f"2 sent to {strict.endpoint}." in told


# -- traces --------------------------------------------------------------------------------------------


def test_push_of_a_local_trace_by_each_of_its_names(tracen: TracenProcess, elsewhere: TracenProcess) -> None:
    """Page id, page URL and OTel trace id are one trace, and one page there; spans from just now are in it."""
    trace_id = fresh_id()
    key = tracen.create_key("pushing@team.example")
    export(tracen, key, trace_id, "first", "second")
    where = f"{tracen.http}/api/traces/by-otel/{trace_id.hex()}"
    page = httpx2.get(where, headers={"x-tracen-key": key}, trust_env=False, timeout=TIMEOUT_S).json()

    names = (trace_id.hex(), page["trace_id"], f"{page['url']}?step=1", f"{page['url']}.md")
    urls = pushed(*names, "--to", elsewhere.http, "--db", str(tracen.db), key=elsewhere.key)

    assert len(urls) == 4
    assert len(set(urls)) == 1
    told = payload_of(urls[0])
    assert sorted(step["name"] for step in told["steps"]) == ["first", "second"]
    assert told["otel_trace_id"] == trace_id.hex()


def test_push_of_a_page_elsewhere_takes_no_key_along(
    elsewhere: TracenProcess, strict: RunningStrictTracen
) -> None:
    """Whoever has the link may send it on; the local store does not know it."""
    page = post(elsewhere, prompt="from a page")

    (url,) = pushed(page["url"], "--to", strict.endpoint, "--db", "/nowhere/x.db", key=KEY)

    assert url.startswith(strict.endpoint)
    assert strict.accepted[0].payload["prompt"] == "from a page"
    assert all(request.headers["x-tracen-key"] == KEY for request in strict.requests)


def test_push_works_without_a_running_server(elsewhere: TracenProcess, tmp_path: Path) -> None:
    """The store's file is all that it takes."""
    trace_id = fresh_id()
    with running_tracen(tmp_path / "local.db") as local:
        export(local, local.key, trace_id, "alone")

    (url,) = pushed(
        trace_id.hex(), "--to", elsewhere.http, "--db", str(tmp_path / "local.db"), key=elsewhere.key
    )

    assert [step["name"] for step in payload_of(url)["steps"]] == ["alone"]


def test_push_sends_no_private_trace_unless_it_is_told_to(
    tracen: TracenProcess, strict: RunningStrictTracen
) -> None:
    """Private here, or shared for a time that is over."""
    private, expired = post(tracen, prompt="private"), post(tracen, prompt="expired")
    share(tracen, private["trace_id"], Sharing(is_private=True))
    share(tracen, expired["trace_id"], Sharing(shared_until_ns=1))
    arguments = (private["trace_id"], expired["url"], "--to", strict.endpoint, "--db", str(tracen.db))

    done = push(*arguments, key=KEY)
    assert done.exit_code == 1
    assert "is private; --private-too" in done.stderr
    assert "is no longer shared; --private-too" in done.stderr
    assert strict.accepted == []

    assert len(pushed(*arguments, "--private-too", key=KEY)) == 2


def test_push_sends_nothing_of_what_is_masked_or_deleted_here(
    tracen: TracenProcess, strict: RunningStrictTracen
) -> None:
    """As its page: the owner's masks hold, and what is gone is gone, with --private-too as well."""
    secret = "sk-proj-" + "a1B2" * 12
    page, doomed = post(tracen, response=f"It is {secret}."), post(tracen)
    headers = {"x-tracen-key": tracen.key}
    where = f"{tracen.http}/api/traces/{doomed['trace_id']}"
    assert httpx2.delete(where, headers=headers, trust_env=False, timeout=TIMEOUT_S).status_code == 204
    names = (page["trace_id"], doomed["trace_id"])

    done = push(*names, "--to", strict.endpoint, "--db", str(tracen.db), "--private-too", key=KEY)

    assert "this trace was deleted" in done.stderr
    assert len(strict.accepted) == 1
    assert secret not in json.dumps(strict.accepted[0].payload)


def test_push_of_a_trace_that_several_accounts_have_asks_which(
    tracen: TracenProcess, strict: RunningStrictTracen
) -> None:
    """The id of a page is of one alone."""
    trace_id = fresh_id()
    for email in ("one@team.example", "two@team.example"):
        export(tracen, tracen.create_key(email), trace_id, email)

    done = push(trace_id.hex(), "--to", strict.endpoint, "--db", str(tracen.db), key=KEY)

    assert done.exit_code == 1
    assert "several accounts have this trace" in done.stderr
    assert "two@team.example" in done.stderr


# -- the target ----------------------------------------------------------------------------------------


def test_push_to_a_strict_server_sends_the_documented_fields(
    tracen: TracenProcess, strict: RunningStrictTracen, run_file: Path
) -> None:
    """By itself; a second time it is the same page."""
    page = post(tracen, title="not documented")
    arguments = (page["trace_id"], str(run_file), "--to", strict.endpoint, "--db", str(tracen.db))

    assert pushed(*arguments, key=KEY) == pushed(*arguments, key=KEY)

    assert len(strict.pages) == 2
    assert all("title" not in each.payload for each in strict.accepted)


def test_push_says_when_it_may_be_tried_again(strict: RunningStrictTracen, tmp_path: Path) -> None:
    """What fits into the limit is sent; nothing is tried after it."""
    strict.manners.limit, strict.manners.tells_limit = 2, True
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(json.dumps(PLAIN | {"prompt": str(n)}) for n in range(5)))

    done = push(str(file), "--to", strict.endpoint, "--documented", key=KEY)

    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    assert (
        f"{file}:3: {strict.endpoint} takes no more for now, its limit is 2 an hour: again in 60 min"
        in done.stderr
    )
    assert "what follows was not tried" in done.stderr
    assert strict.refused_by_limit == 1


def test_push_waits_where_it_is_told_to(strict: RunningStrictTracen, tmp_path: Path) -> None:
    """As long as the endpoint asks for."""
    strict.manners.limit, strict.manners.window_s = 1, 2
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(json.dumps(PLAIN | {"prompt": str(n)}) for n in range(2)))

    done = push(str(file), "--to", strict.endpoint, "--documented", "--wait", key=KEY)

    assert done.exit_code == 0, done.stderr
    assert len(strict.pages) == 2
    assert "waiting" in done.stderr


def test_push_follows_no_redirect(strict: RunningStrictTracen, run_file: Path) -> None:
    """It would take the key along."""
    with strict_tracen() as other:
        strict.faults.append(redirect(f"{other.endpoint}/api/traces"))

        done = push(str(run_file), "--to", strict.endpoint, key=KEY)

        assert done.exit_code == 1
        assert "a redirect" in done.stderr
        assert other.requests == []


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (("FILE",), {}, 2, "Missing option '--to'"),
        (("FILE", "--to", NOWHERE), {}, 2, "--key or TRACEN_FORWARD_KEY"),
        (("FILE", "--to", NOWHERE), {"TRACEN_KEY": "tracen_sk_local"}, 2, "TRACEN_KEY is not sent elsewhere"),
        (("FILE", "--to", "traces.example"), {}, 2, "expected the start of a URL"),
        (("FILE", "--to", NOWHERE), {"TRACEN_FORWARD_KEY": "k"}, 1, "nothing accepts connections there"),
        (
            ("FILE", "--to", NOWHERE),
            {"TRACEN_FORWARD_KEY": "k", "TRACEN_FORWARD_TO": "https://a.example"},
            2,
            "TRACEN_FORWARD_KEY is the key for https://a.example",
        ),
        (("missing.json", "--to", NOWHERE, "--key", "k"), {}, 2, "there is no file 'missing.json'"),
        ((".", "--to", NOWHERE, "--key", "k"), {}, 2, "is a folder"),
        (("n" * 300, "--to", NOWHERE, "--key", "k"), {}, 2, "there is no file"),
        (("FILE", "--to", NOWHERE, "--key", "schlüssel"), {}, 2, "expected a Tracen key"),
        (("FILE", "--to", "http://user:pass@127.0.0.1:9", "--key", "k"), {}, 2, "with a user name or password"),
        (("https://a.example/x", "--to", NOWHERE, "--key", "k"), {}, 2, "expected the URL of a page"),
        (("a" * 32, "--to", NOWHERE, "--key", "k", "--db", "/nowhere/t.db"), {}, 2, "there is no store"),
        ((PAGE, "--to", "http://127.0.0.1:7", "--key", "k"), {}, 1, "can not be reached"),
    ],
)  # fmt: skip
def test_push_says_what_keeps_it_from_sending(
    run_file: Path, arguments: tuple[str, ...], environment: dict[str, str], code: int, words: str
) -> None:
    """2 where it was called wrongly, 1 where it failed; the repair is named."""
    named = [str(run_file) if argument == "FILE" else argument for argument in arguments]
    done = push(*named, **environment)

    assert done.exit_code == code, done.output
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_push_to_where_a_trace_is_already_says_so(tracen: TracenProcess) -> None:
    """The server of the store itself."""
    page = post(tracen)
    for name in (page["trace_id"], page["url"]):
        done = push(name, "--to", tracen.http, "--db", str(tracen.db), key=tracen.key)
        assert done.exit_code == 2
        assert "already" in done.stderr


def test_push_with_a_wrong_key_tries_it_once(strict: RunningStrictTracen, tmp_path: Path) -> None:
    """What follows would be refused as well."""
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(json.dumps(PLAIN | {"prompt": str(n)}) for n in range(5)))

    done = push(str(file), "--to", strict.endpoint, key="tracen_sk_wrong")

    assert done.exit_code == 1
    assert "refuses the key" in done.stderr
    assert len(strict.requests) == 1
