"""What is pasted to send a first trace, each as a function of server and key, so that any page can show it filled in.

Every one of them is run by a test as it stands.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from viewer.reference import examples
from viewer.reference.contexts import Paste
from viewer.reference.examples import EXAMPLE_TIME

PLACEHOLDER = "tracen_sk_YOUR_KEY"
"""Where no key is known. Of letters that a header may hold: who forgets to replace it is told what is wrong."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to paste. `caption` says into what, `note` what to know before."""

    name: str
    title: str
    caption: str
    note: str
    text: Callable[[str, str, datetime], str]
    """Of the server's base URL, a key, and the time that the example run is said to have begun."""

    def paste(self, base_url: str, key: str = PLACEHOLDER, at: datetime = EXAMPLE_TIME) -> Paste:
        """Fill in server and key, ready for the macro `paste` of parts.html."""
        text = self.text(base_url, key, at).rstrip("\n")
        return Paste(id=f"snippet-{self.name}", caption=self.caption, text=text)


def _run(base_url: str, key: str, at: datetime) -> str:
    return f"""\
export TRACEN_ENDPOINT={shlex.quote(base_url)}
export TRACEN_KEY={shlex.quote(key)}
tracen run -- python agent.py
"""


def _curl(base_url: str, key: str, at: datetime) -> str:
    payload = examples.payload(at)
    return f"""\
curl {shlex.quote(f"{base_url}/api/traces")} \\
  -H {shlex.quote(f"X-Tracen-Key: {key}")} \\
  -H 'Content-Type: application/json' \\
  -d '{_legible(payload)}'
"""


def _legible(payload: dict[str, object]) -> str:
    """JSON with a field a line and a step a line; without apostrophes, which would end the shell's string."""
    lines = []
    for name, value in payload.items():
        if isinstance(value, list):
            steps = ",\n".join(f"    {json.dumps(step, ensure_ascii=False)}" for step in value)
            lines.append(f'  "{name}": [\n{steps}\n  ]')
        else:
            lines.append(f'  "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines).replace("'", "\\u0027") + "\n}"


def _javascript(base_url: str, key: str, at: datetime) -> str:
    return f"""\
const answer = await fetch({_quoted(f"{base_url}/api/traces")}, {{
  method: "POST",
  headers: {{
    "X-Tracen-Key": {_quoted(key)},
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    prompt: {_quoted(examples.PROMPT)},
    response: {_quoted(examples.RESPONSE)},
    provider: "openai",
    model: "gpt-5",
    status: "success",
    input_tokens: 50,
    output_tokens: 18,
    steps: [
      {{ name: "get_weather", timestamp: new Date().toISOString(), latency_ms: 420 }},
    ],
  }}),
}});
const trace = await answer.json();
if (!answer.ok) throw new Error(JSON.stringify(trace));
console.log(trace.url);
"""


def _python(base_url: str, key: str, at: datetime) -> str:
    return f"""\
import json
import urllib.error
import urllib.request
from datetime import datetime, timezone

payload = {{
    "prompt": {_quoted(examples.PROMPT)},
    "response": {_quoted(examples.RESPONSE)},
    "provider": "openai",
    "model": "gpt-5",
    "status": "success",
    "input_tokens": 50,
    "output_tokens": 18,
    "steps": [
        {{
            "name": "get_weather",
            "timestamp": datetime.now(timezone.utc).isoformat(),
            "latency_ms": 420,
        }},
    ],
}}
request = urllib.request.Request(
    {_quoted(f"{base_url}/api/traces")},
    data=json.dumps(payload).encode(),
    headers={{"X-Tracen-Key": {_quoted(key)}, "Content-Type": "application/json"}},
)
try:
    with urllib.request.urlopen(request) as answer:
        print(json.load(answer)["url"])
except urllib.error.HTTPError as error:
    raise SystemExit(error.read().decode())
"""


def _exporter(base_url: str, key: str, at: datetime) -> str:
    return f"""\
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tracen_otel import TracenSpanExporter

exporter = TracenSpanExporter(
    endpoint={_quoted(base_url)},
    key={_quoted(key)},
    on_url=lambda published: print(published.url),
)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)

# The instrumentation of your framework makes such spans; this one is made by hand.
with trace.get_tracer("first-trace").start_as_current_span("chat gpt-5") as span:
    span.set_attributes({{
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "input.value": {_quoted(examples.PROMPT)},
        "output.value": {_quoted(examples.RESPONSE)},
    }})

provider.shutdown()
"""


def _otlp(base_url: str, key: str, at: datetime) -> str:
    return f"""\
export OTEL_EXPORTER_OTLP_ENDPOINT={shlex.quote(base_url)}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS={shlex.quote(f"x-tracen-key={key}")}
"""


def _collector(base_url: str, key: str, at: datetime) -> str:
    return f"""\
exporters:
  otlp_http/tracen:
    endpoint: {_quoted(base_url)}
    headers:
      x-tracen-key: {_quoted(key)}

service:
  pipelines:
    traces:
      exporters: [otlp_http/tracen]
    logs: # prompts and answers that some instrumentations send as log records
      receivers: [otlp]
      exporters: [otlp_http/tracen]
"""


def _quoted(text: str) -> str:
    """A string as JavaScript, Python and YAML alike write it."""
    return json.dumps(text, ensure_ascii=False)


RUN = Snippet(
    "run",
    "Run your agent",
    "Shell, beside agent.py",
    "After pip install 'tracen-otel[server]'. The program is not changed: its environment says where to send and to "
    "record what is said. The URL of each trace is printed.",
    _run,
)
CURL = Snippet("curl", "cURL", "Shell", "One request from any shell.", _curl)
JAVASCRIPT = Snippet(
    "javascript",
    "JavaScript",
    "first.mjs",
    "Node 18 or newer, Deno or Bun, without a library. On a server: a key in a web page is everybody’s.",
    _javascript,
)
PYTHON = Snippet("python", "Python", "first.py", "Python 3, without a library.", _python)
EXPORTER = Snippet(
    "exporter",
    "Python with OpenTelemetry",
    "agent.py",
    "After pip install tracen-otel. The exporter sends every trace of the program and tells its URL.",
    _exporter,
)
OTLP = Snippet(
    "otlp",
    "OpenTelemetry in any language",
    "Environment of the program",
    "An SDK that is set up from its environment reads these; the program is not changed. An exporter that is made in "
    "code may not, and speak gRPC instead, which is answered at port 4317.",
    _otlp,
)
COLLECTOR = Snippet(
    "collector",
    "OpenTelemetry Collector",
    "Beside the exporters that are there",
    "One more exporter, and its name in the lists of the pipelines. Before version 0.144 it is called otlphttp.",
    _collector,
)
SNIPPETS = (RUN, CURL, JAVASCRIPT, PYTHON, EXPORTER, OTLP, COLLECTOR)
