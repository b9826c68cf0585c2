"""HTTP clients instrumented in the same program: its own calls are traced, the exporter's posts never."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.tracen_otel.scripted_server import ScriptedServer, answer, scripted_server
from tests.tracen_otel.surroundings.programs import environment_of, run_to_end

PROGRAM = """
import importlib, json, sys
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.tracen_otel.surroundings.traced import exporter, flush, provider, run_agent

seen = InMemorySpanExporter()
provider.add_span_processor(SimpleSpanProcessor(seen))
package, instrumentor, library = {library!r}
getattr(importlib.import_module(package), instrumentor)().instrument(tracer_provider=provider)
client = importlib.import_module(library)

def call():
    if library == "urllib3":
        client.PoolManager().request("GET", {elsewhere!r}).data
    else:
        client.get({elsewhere!r})

call()
assert flush()
exporter._on_url = lambda published: call()
for n in range(3):
    run_agent(str(n))
    assert flush()
print(json.dumps(sorted(span.name for span in seen.get_finished_spans())))
"""
LIBRARIES = [
    ("opentelemetry.instrumentation.httpx", "HTTPX2ClientInstrumentor", "httpx2"),
    ("opentelemetry.instrumentation.requests", "RequestsInstrumentor", "requests"),
]
URLLIB3 = ("opentelemetry.instrumentation.urllib3", "URLLib3Instrumentor", "urllib3")
if importlib.util.find_spec(
    URLLIB3[0]
):  # its newest release is for semantic conventions older than the SDK's
    LIBRARIES.append(URLLIB3)


@pytest.mark.parametrize("processor", ["batch", "simple"])
@pytest.mark.parametrize("library", LIBRARIES, ids=[names[-1] for names in LIBRARIES])
def test_instrumented_http_client_makes_no_spans_of_the_exporters_posts(
    library: tuple[str, str, str], processor: str, server: ScriptedServer, tmp_path: Path
) -> None:
    """One span for the program's own call; none for posts, which would beget posts without end."""
    for module in (library[0], library[2]):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    environment = environment_of(server.endpoint, processor, TRACEN_ONLY="all")
    with scripted_server(*4 * [answer(200, b"{}")]) as elsewhere:
        code = PROGRAM.replace("{library!r}", repr(library)).replace(
            "{elsewhere!r}", repr(elsewhere.endpoint)
        )
        status, out, err = run_to_end(code, tmp_path, environment, "-X", "dev")

    assert (status, err) == (0, "")
    agents = [f"{kind} {n}" for kind in ("LLM", "TOOL", "agent") for n in range(3)]
    assert json.loads(out) == sorted(["GET", *agents])
    assert (len(elsewhere.requests), len(server.requests)) == (4, 4)
