"""What comes of programs: with OpenTelemetry, without, that crash, that fork; the page tells what they did."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.bridge.running.runs import CHECKOUT, PYTHON, SPAN, TIMEOUT_S, Done, Runner

QUESTION = "Where is it warmer today, in Lisbon or in Oslo?"
EXAMPLES = CHECKOUT / "examples"

ASKS = f"""
import openai
client = openai.OpenAI()
reply = client.chat.completions.create(model="gpt-5.4-mini", messages=[{{"role": "user", "content": "{QUESTION}"}}])
print(reply.choices[0].message.content)
"""
"""A program that knows nothing of OpenTelemetry."""


def stderr_alone(runner: Runner, path: Path) -> str:
    """What a program says on stderr without us, having the same server."""
    own = {"TRACEN_ENDPOINT": runner.tracen.http, "TRACEN_KEY": runner.tracen.key}
    own["OTEL_EXPORTER_OTLP_ENDPOINT"] = runner.tracen.otlp_http
    own["OTEL_EXPORTER_OTLP_HEADERS"] = f"x-tracen-key={runner.tracen.key}"
    ended = subprocess.run(
        [PYTHON, str(path)], capture_output=True, text=True, env=runner.environment | own, timeout=TIMEOUT_S
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def program_stderr(done: Done) -> str:
    return done.err.partition("tracen: ")[0]


@pytest.mark.parametrize(
    ("name", "traces", "models", "tokens"),
    [("openai_sdk.py", 1, 2, (74, 33)), ("plain_otel.py", 1, 1, (40, 13)), ("agent.py", 2, 2, (92, 33))],
)
def test_program_with_otel_keeps_its_set_up(
    runner: Runner, name: str, traces: int, models: int, tokens: tuple[int, int]
) -> None:
    """Each call is one step, tokens are counted once, and it says nothing that it does not say without us."""
    done = runner.run(PYTHON, str(EXAMPLES / name))
    assert done.code == 0
    assert program_stderr(done) == stderr_alone(runner, EXAMPLES / name)
    assert len(done.traces) == traces
    for number, trace in enumerate(done.traces):
        told = done.payload(number)
        assert (trace["input_tokens"], trace["output_tokens"]) == tokens
        assert [step["kind"] for step in told["steps"]].count("llm") == models
        assert "Lisbon" in told["response"]
        assert trace["status"] == told["status"] == "success"
        assert trace["url"].encode() in done.out
        assert trace["url"] in done.err


def test_program_without_otel_is_instrumented(runner: Runner) -> None:
    """Prompt, answer, model and tokens, under the name of the program; its own output is what it was."""
    done = runner.python(ASKS)
    assert (done.code, program_stderr(done)) == (0, "")
    (trace,) = done.traces
    told = done.payload()
    assert told["prompt"] == QUESTION
    assert told["response"] == done.out.decode().strip()
    assert trace["model"].startswith("gpt-5.4-mini")
    assert trace["input_tokens"] > 0 < trace["output_tokens"]
    assert told["service_name"] == "program"
    assert [step["kind"] for step in told["steps"]].count("llm") == 1


def test_program_is_instrumented_over_grpc_as_well(runner: Runner) -> None:
    """`--protocol grpc` decides for it."""
    done = runner.python(ASKS, options=("--protocol", "grpc"))
    assert done.payload()["prompt"] == QUESTION


def test_no_instrument_leaves_a_program_alone(runner: Runner) -> None:
    """And says so, as nothing arrives."""
    done = runner.python(
        "import os, sys; print(os.environ.get('PYTHONPATH') == sys.argv[1])",
        str(CHECKOUT),
        options=("--no-instrument",),
    )
    assert done.out == b"True\n"
    assert not done.traces
    assert "--no-instrument keeps Tracen from adding one" in done.err.splitlines()[1]
    assert "Has python" not in done.err


LATE_SET_UP = (
    ASKS
    + SPAN.replace(
        "provider = TracerProvider()",
        """provider = TracerProvider()
from opentelemetry import trace
trace.set_tracer_provider(provider)
from openinference.instrumentation.openai import OpenAIInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=provider)
""",
    )
    + """
client.chat.completions.create(model="gpt-5.4-mini", messages=[{"role": "user", "content": "again"}])
provider.shutdown()
assert trace.get_tracer_provider() is provider
"""
)


def test_set_up_after_the_first_call_replaces_ours(runner: Runner) -> None:
    """Each call is told once, the second by the program's own provider, without a warning."""
    done = runner.python(LATE_SET_UP)
    assert (done.code, program_stderr(done)) == (0, "")
    payloads = [done.payload(number) for number in range(len(done.traces))]
    asked = sorted(told["prompt"] for told in payloads if told["prompt"])
    assert asked == sorted([QUESTION, "again"])
    assert len(payloads) == 3


BY_ITS_OWN = (
    """
from openinference.instrumentation.openai import OpenAIInstrumentor
import openai
OpenAIInstrumentor().instrument()
"""
    + ASKS
)


def test_instrumentation_that_a_program_switches_on_is_on_once(runner: Runner) -> None:
    """Without a provider its spans would be lost; here they go where ours go."""
    done = runner.python(BY_ITS_OWN)
    assert program_stderr(done) == ""
    assert [step["kind"] for step in done.payload()["steps"]].count("llm") == 1


API_ALONE = """
from opentelemetry import trace
tracer = trace.get_tracer("mine")
with tracer.start_as_current_span("by hand") as span:
    assert span.is_recording()
"""
TRACER_BEFORE_PROVIDER = (
    API_ALONE
    + SPAN
    + """
trace.set_tracer_provider(provider)
for mine in (trace.get_tracer("mine"), globals()["before"]):
    with mine.start_as_current_span("theirs"):
        pass
"""
).replace("provider = TracerProvider()", "before, provider = tracer, TracerProvider()")


def test_spans_of_the_api_alone_are_kept(runner: Runner) -> None:
    """A library or program that makes spans and leaves the SDK to others."""
    done = runner.python(API_ALONE)
    assert done.code == 0, done.err
    assert [trace["title"] for trace in done.traces] == ["by hand"]


def test_tracer_of_before_a_set_up_goes_on_with_it(runner: Runner) -> None:
    """As OpenTelemetry promises: proxies find the provider that is set later."""
    done = runner.python(TRACER_BEFORE_PROVIDER)
    assert (done.code, program_stderr(done)) == (0, "")
    assert sorted(trace["title"] for trace in done.traces) == ["a span", "by hand", "theirs", "theirs"]


CHILDREN = """
import multiprocessing, subprocess, sys
def ask(word):
    import openai
    openai.OpenAI().chat.completions.create(model="m", messages=[{"role": "user", "content": word}])
if __name__ == "__main__":
    if len(sys.argv) > 1:
        ask(sys.argv[1])
    else:
        for method in ("fork", "spawn"):
            child = multiprocessing.get_context(method).Process(target=ask, args=(method,))
            child.start()
            child.join()
        subprocess.run([sys.executable, __file__, "subprocess"], check=True)
"""


def test_children_are_traced_once_each(runner: Runner) -> None:
    """Forked, spawned, and started as programs of their own."""
    done = runner.python(CHILDREN)
    assert done.code == 0, done.err
    asked = sorted(done.payload(number)["prompt"] for number in range(len(done.traces)))
    assert asked == ["fork", "spawn", "subprocess"]


@pytest.mark.parametrize(
    ("end", "code"),
    [("raise RuntimeError('broken')", 1), ("sys.exit(4)", 4), ("time.sleep(1); os._exit(9)", 9)],
)
def test_crash_leaves_a_page(runner: Runner, end: str, code: int) -> None:
    """What had ended by then is told; so is the exit code."""
    done = runner.python(ASKS + f"import os, sys, time\n{end}\n")
    assert done.code == code
    assert done.payload()["prompt"] == QUESTION
    assert ("RuntimeError: broken" in done.err) == (code == 1)


UNFINISHED = (
    SPAN
    + """
import os, signal, time
with tracer.start_as_current_span("root"):
    with tracer.start_as_current_span("child"):
        pass
    time.sleep(1.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""
)


def test_trace_that_was_cut_short_is_told_as_unfinished(runner: Runner) -> None:
    """Its child has come, its root never will; batches leave so often that a kill costs little."""
    done = runner.python(UNFINISHED)
    assert done.code == -9
    assert {trace["title"]: trace["lacks_root"] for trace in done.traces} == {"a span": False, "child": True}
    assert "unfinished  child" in done.err
    assert "1 trace unfinished" in done.err


def test_many_traces_are_counted_and_the_last_are_listed(runner: Runner) -> None:
    """All of them as JSON, twenty for people."""
    many = SPAN + "for n in range(30):\n    tracer.start_span(f'span {n}').end()\n"
    done = runner.python(many)
    assert len(done.traces) == 31
    assert "31 traces, the last 20:" in done.err
    assert done.err.count("/traces/") == 20


def test_json_is_on_stdout_after_what_the_program_wrote(runner: Runner) -> None:
    """For programs; nothing is there but their output and the lines."""
    done = runner.python(SPAN + "print('mine')", options=("--json",))
    first, second = done.out.decode().splitlines()
    assert first == "mine"
    assert '"title": "a span"' in second


def test_sitecustomize_that_is_meant_is_loaded(runner: Runner) -> None:
    """Ours gives way to it, and leaves neither folder nor module in its place."""
    (runner.folder / "site").mkdir()
    (runner.folder / "site" / "sitecustomize.py").write_text("import builtins; builtins.was_here = True\n")
    text = (
        "import sys, sitecustomize\n"
        "print(was_here, sitecustomize.__file__, [path for path in sys.path if 'injected' in path])"
    )
    path = f"{runner.folder / 'site'}:{CHECKOUT}"
    done = runner.python(text, environment={"PYTHONPATH": path})
    assert done.out.decode().split() == ["True", str(runner.folder / "site" / "sitecustomize.py"), "[]"]


ASKS_ONLY = """
import importlib.util, pickle, sys
for module in ("httpx", "openai"):
    loader = importlib.util.find_spec(module).loader
    assert type(loader).__name__ == "SourceFileLoader", loader
    assert module not in sys.modules
    assert "exec_module" not in vars(loader)
    pickle.dumps(loader)
import httpx
assert type(httpx.__loader__).__name__ == type(httpx.__spec__.loader).__name__ == "SourceFileLoader"
import importlib
importlib.reload(httpx)
pickle.dumps(httpx.__spec__)
print("untouched")
"""


def test_loaders_are_as_others_made_them(runner: Runner) -> None:
    """To who only looks whether a library is there, and once it has been imported."""
    done = runner.python(ASKS_ONLY)
    assert (done.code, done.out) == (0, b"untouched\n"), done.err


def test_program_in_a_zip_is_imported_as_it_is(runner: Runner) -> None:
    """One importer is shared by all of its modules, one of which may have a name that is watched."""
    with zipfile.ZipFile(runner.folder / "app.pyz", "w") as archive:
        archive.writestr("requests.py", "import redis, helper\nname = 'requests'")
        archive.writestr("redis.py", "import helper, flask\nname = 'redis'")
        archive.writestr("flask.py", "name = 'flask'")
        archive.writestr("helper.py", "name = 'helper'")
        archive.writestr(
            "__main__.py",
            "import requests, redis, flask, helper\n"
            "print([module.name for module in (requests, redis, flask, helper)], vars(requests.__loader__).keys() & "
            "{'exec_module'}, requests.__loader__ is requests.__spec__.loader)",
        )
    done = runner.run(PYTHON, "app.pyz")
    assert done.out.decode() == "['requests', 'redis', 'flask', 'helper'] set() True\n", done.err


def test_program_does_not_notice_that_the_server_is_gone(runner: Runner) -> None:
    """Its stderr is its own; the report says it."""
    gone = "import os\nos.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:9'\n"
    done = runner.python(gone + ASKS)
    assert (done.code, program_stderr(done)) == (0, "")
    assert "could not be sent to" in done.err


def test_sitecustomize_is_absent_where_there_is_none(runner: Runner) -> None:
    """Ours has done its work, and is no module of the program's."""
    text = "import sys\ntry:\n    import sitecustomize\nexcept ModuleNotFoundError as error:\n    print(error.name)\n"
    assert runner.python(text + "print('tracen_watch' in sys.modules)").out == b"sitecustomize\nTrue\n"
