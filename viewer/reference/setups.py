"""How SDKs and frameworks whose traces are understood are had to send them: one snippet each, by what they run on.

All of them send where the variables of `snippets.OTLP` say, unless the snippet itself names server and key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from viewer.reference.snippets import Snippet


@dataclass(frozen=True, slots=True)
class SetupGroup:
    """Set-ups of programs that run on the same."""

    title: str
    snippets: tuple[Snippet, ...]


def _fixed(text: str) -> Callable[[str, str, datetime], str]:
    """Of a snippet that leaves server and key to the environment."""
    return lambda _base_url, _key, _at: text


def _mastra(base_url: str, key: str, at: datetime) -> str:
    return f"""\
import {{ Mastra }} from "@mastra/core/mastra";
import {{ Observability }} from "@mastra/observability";
import {{ OtelExporter }} from "@mastra/otel-exporter";

const tracen = new OtelExporter({{
  provider: {{
    custom: {{
      endpoint: {json.dumps(f"{base_url}/v1/traces")},
      protocol: "http/protobuf",
      headers: {{ "x-tracen-key": {json.dumps(key)} }},
    }},
  }},
}});
export const mastra = new Mastra({{
  observability: new Observability({{
    configs: {{ tracen: {{ serviceName: "agent", exporters: [tracen] }} }},
  }}),
}});
process.once("beforeExit", () => mastra.shutdown());
"""


def _spring(base_url: str, key: str, at: datetime) -> str:
    return f"""\
management.opentelemetry.tracing.export.otlp.endpoint={base_url}/v1/traces
management.opentelemetry.tracing.export.otlp.headers.x-tracen-key={key}
management.tracing.sampling.probability=1.0
management.otlp.metrics.export.enabled=false
spring.ai.tools.observations.include-content=true
"""


def _env_file(base_url: str, key: str, at: datetime) -> str:
    return f"""\
OTEL_SERVICE_NAME=agent
OTEL_EXPORTER_OTLP_ENDPOINT={base_url}
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key={key}
OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only
"""


ENV_FILE = Snippet(
    "env-file",
    "A file of variables: .env, container, systemd",
    "agent.env, readable by its user alone",
    "Read by docker run --env-file, by EnvironmentFile= of a systemd unit, and by node --env-file. In a container "
    "127.0.0.1 is the container itself: name the host there. The last two lines record what is said where "
    "instrumentations for Python leave it out.",
    _env_file,
)
NODE = Snippet(
    "node",
    "Node without a change",
    "Shell, beside agent.mjs",
    "After npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node, beside the variables above. Up to "
    "version 6 of the package openai, calls become steps where it is loaded by require; what is said comes in log "
    "records, which are sent as well. What is not sent yet is lost where a program ends by process.exit() or by an "
    "error that nobody catches.",
    _fixed("""\
export OTEL_SERVICE_NAME=agent
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true
node --import @opentelemetry/auto-instrumentations-node/register agent.mjs
"""),
)
OPENAI = Snippet(
    "openai-js",
    "OpenAI’s library",
    "Before the first client",
    "After npm install @arizeai/openinference-instrumentation-openai, beside an SDK, such as Node’s above: for version "
    "7 and modules, which Node’s leaves out. Calls within a request that Node’s sees, or a span of yours, share a "
    "page; others have one each. What is said is recorded unless OPENINFERENCE_HIDE_INPUTS or "
    "OPENINFERENCE_HIDE_OUTPUTS is true. Of a call that fails only the request is told; of a stream no tokens.",
    _fixed("""\
import {
  OpenAIInstrumentation,
} from "@arizeai/openinference-instrumentation-openai";
import OpenAI from "openai";

new OpenAIInstrumentation().manuallyInstrument(OpenAI);
"""),
)
VERCEL_AI = Snippet(
    "vercel-ai",
    "Vercel AI SDK",
    "Before the first call",
    "After npm install @ai-sdk/otel, beside an SDK, such as Node’s above. Every call is recorded, and what is said, "
    "unless its telemetry has isEnabled, recordInputs or recordOutputs as false.",
    _fixed("""\
import { OpenTelemetry } from "@ai-sdk/otel";
import { registerTelemetry } from "ai";

registerTelemetry(new OpenTelemetry());
"""),
)
VERCEL_AI_6 = Snippet(
    "vercel-ai-6",
    "Vercel AI SDK 6 and before",
    "agent.mjs",
    "Beside an SDK, such as Node’s above; each call has the option. What is said is recorded unless recordInputs or "
    "recordOutputs is false.",
    _fixed("""\
const answer = await generateText({
  model,
  prompt: "What is the weather in Paris?",
  experimental_telemetry: { isEnabled: true },
});
"""),
)
MASTRA = Snippet(
    "mastra",
    "Mastra",
    "src/mastra/index.ts",
    "After npm install @mastra/observability @mastra/otel-exporter @opentelemetry/exporter-trace-otlp-proto. What is "
    "said is recorded unless tracingOptions has hideInput or hideOutput.",
    _mastra,
)
GENKIT = Snippet(
    "genkit",
    "Genkit",
    "Before the first flow",
    "After npm install @opentelemetry/exporter-trace-otlp-proto@0.52 @opentelemetry/sdk-trace-base@1.25, which are of "
    "the age of Genkit’s own SDK, beside the variables above. What is said is always recorded.",
    _fixed("""\
import { enableTelemetry, flushTracing } from "genkit/tracing";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";

const tracen = new BatchSpanProcessor(new OTLPTraceExporter());
await enableTelemetry({ spanProcessors: [tracen] });
process.once("beforeExit", flushTracing);
"""),
)
LANGCHAIN_JS = Snippet(
    "langchain-js",
    "LangChain.js and LangGraph.js",
    "Before the first chain",
    "After npm install @arizeai/openinference-instrumentation-langchain, beside an SDK, such as Node’s above. With "
    "OTEL_NODE_DISABLED_INSTRUMENTATIONS=http,undici in its environment: without, each request to a model is a trace "
    "of its own. What is said is recorded unless OPENINFERENCE_HIDE_INPUTS or OPENINFERENCE_HIDE_OUTPUTS is true.",
    _fixed("""\
import {
  LangChainInstrumentation,
} from "@arizeai/openinference-instrumentation-langchain";
import * as callbacks from "@langchain/core/callbacks/manager";

new LangChainInstrumentation().manuallyInstrument(callbacks);
"""),
)
JAVA = Snippet(
    "java",
    "Java without a change",
    "Shell, beside agent.jar",
    "With opentelemetry-javaagent.jar of the project OpenTelemetry Java Instrumentation, beside the variables above. "
    "Calls of openai-java become steps; what is said comes in log records, which are sent as well. Calls within a "
    "request that the agent sees, or a span of yours, share a page; others have one each.",
    _fixed("""\
export OTEL_SERVICE_NAME=agent
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true
java -javaagent:opentelemetry-javaagent.jar -jar agent.jar
"""),
)
SPRING_AI = Snippet(
    "spring-ai",
    "Spring AI",
    "application.properties",
    "With spring-boot-starter-opentelemetry of Spring Boot 4; in 3 the first two names begin management.otlp.tracing. "
    "Metrics, which go to this machine unless told otherwise, are off. The last line records what tools are given and "
    "answer. What models are asked and answer it does not record: see below.",
    _spring,
)
SPRING_AI_SAID = Snippet(
    "spring-ai-said",
    "Spring AI: prompts and answers",
    "Said.java, among the application’s components",
    "Spring AI itself puts them into the program’s log alone. This records what is said, the last question and the "
    "answer of each call of a model.",
    _fixed("""\
import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationFilter;
import org.springframework.ai.chat.observation.ChatModelObservationContext;
import org.springframework.stereotype.Component;

@Component
class Said implements ObservationFilter {
  public Observation.Context map(Observation.Context context) {
    if (context instanceof ChatModelObservationContext call) {
      put(call, "input.value", call.getRequest().getUserMessage().getText());
      if (call.getResponse() != null)
        put(call, "output.value", call.getResponse().getResult().getOutput().getText());
    }
    return context;
  }
  private static void put(Observation.Context call, String name, String said) {
    if (said != null) call.addHighCardinalityKeyValue(KeyValue.of(name, said));
  }
}
"""),
)
SEMANTIC_KERNEL = Snippet(
    "semantic-kernel",
    "Semantic Kernel",
    "Program.cs, before the kernel",
    "After dotnet add package OpenTelemetry.Exporter.OpenTelemetryProtocol, beside the variables above. The first line "
    "records what is said.",
    _fixed("""\
AppContext.SetSwitch(
    "Microsoft.SemanticKernel.Experimental.GenAI.EnableOTelDiagnosticsSensitive", true);
using var tracing = OpenTelemetry.Sdk.CreateTracerProviderBuilder()
    .AddSource("Microsoft.SemanticKernel*")
    .AddOtlpExporter()
    .Build();
"""),
)
EXTENSIONS_AI = Snippet(
    "agent-framework",
    "Microsoft Agent Framework",
    "Program.cs, around the chat client",
    "And everything else with a chat client of Microsoft.Extensions.AI; the same package, beside the variables above. "
    "EnableSensitiveData records what is said.",
    _fixed("""\
using var tracing = OpenTelemetry.Sdk.CreateTracerProviderBuilder()
    .AddSource("agent")
    .AddOtlpExporter()
    .Build();
var client = chatClient.AsBuilder()
    .UseOpenTelemetry(sourceName: "agent", configure: c => c.EnableSensitiveData = true)
    .Build();
"""),
)
GROUPS = (
    SetupGroup("Any program", (ENV_FILE,)),
    SetupGroup(
        "JavaScript and TypeScript", (NODE, OPENAI, VERCEL_AI, VERCEL_AI_6, MASTRA, GENKIT, LANGCHAIN_JS)
    ),
    SetupGroup("Java", (JAVA, SPRING_AI, SPRING_AI_SAID)),
    SetupGroup(".NET", (SEMANTIC_KERNEL, EXTENSIONS_AI)),
)
