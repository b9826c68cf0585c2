// OTLP with OpenTelemetry's SDK for Node: nothing of Tracen in the program, and its page all the same.
//
//     npm ci --prefix examples/javascript
//     export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//     node examples/javascript/weather_agent.js
//
// Also read: TRACEN_ENDPOINT, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (http/protobuf, http/json, or
// grpc).

import { setTimeout as sleep } from "node:timers/promises";

import { diag, DiagConsoleLogger, DiagLogLevel, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { defaultResource, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";

const MODEL = "gpt-5-mini";

const PAGE_WAIT_MS = 5000;

// Without it, spans that are refused while the program runs are lost in silence.
if (!process.env.OTEL_LOG_LEVEL) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.ERROR);
const sdk = new NodeSDK({
  resource: defaultResource().merge(resourceFromAttributes({ "service.name": "weather-agent-javascript" })),
  resourceDetectors: [envDetector], // else host, user and command line are told to whoever can read the page
});
sdk.start();
const tracer = trace.getTracer("weather-agent");

/** Does `work` in a span, which ends with it and records what it throws. */
function inSpan(name, options, work) {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.recordException(error);
      span.setAttribute("error.type", error.name);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A call of the model: this one waits a moment and knows two answers, yours goes over the network. */
function chat(messages) {
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": MODEL,
    "gen_ai.input.messages": JSON.stringify(messages),
  };
  return inSpan(`chat ${MODEL}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    await sleep(30);
    const toolCall = { type: "tool_call", id: "call_1", name: "get_weather", arguments: { city: "Paris" } };
    const text = { type: "text", content: "It is 18 °C and sunny in Paris." };
    const [part, finishReason, inputTokens, outputTokens] =
      messages.length === 1 ? [toolCall, "tool_call", 42, 17] : [text, "stop", 78, 14];
    const answer = { role: "assistant", parts: [part] };
    span.setAttributes({
      "gen_ai.response.model": MODEL,
      "gen_ai.response.finish_reasons": [finishReason],
      "gen_ai.usage.input_tokens": inputTokens,
      "gen_ai.usage.output_tokens": outputTokens,
      "gen_ai.output.messages": JSON.stringify([answer]),
    });
    return answer;
  });
}

/** A tool that the model asks for. */
function getWeather({ id, name, arguments: args }) {
  const attributes = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": name,
    "gen_ai.tool.call.id": id,
    "gen_ai.tool.call.arguments": JSON.stringify(args),
  };
  return inSpan(`execute_tool ${name}`, { attributes }, async (span) => {
    await sleep(10);
    const weather = { temperature_c: 18, sky: "sunny" };
    span.setAttribute("gen_ai.tool.call.result", JSON.stringify(weather));
    return weather;
  });
}

/** A tool that fails. */
function sendPostcard(text) {
  const attributes = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "send_postcard",
    "gen_ai.tool.call.arguments": JSON.stringify({ text }),
  };
  return inSpan("execute_tool send_postcard", { attributes }, () => {
    throw new Error("no stamps left");
  });
}

/** Answers a question; also tells the id of the trace. */
function runAgent(question) {
  const attributes = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "weather_agent",
  };
  return inSpan("invoke_agent weather_agent", { attributes }, async (span) => {
    const messages = [{ role: "user", parts: [{ type: "text", content: question }] }];
    const wanted = await chat(messages);
    const [call] = wanted.parts;
    const response = await getWeather(call);
    messages.push(wanted, { role: "tool", parts: [{ type: "tool_call_response", id: call.id, response }] });
    const answer = (await chat(messages)).parts[0].content;
    await sendPostcard(answer).catch((error) => console.log(`No postcard: ${error.message}`));
    return { answer, traceId: span.spanContext().traceId };
  });
}

/** Asks Tracen where a trace is shown, for some seconds: through a Collector it comes a little later. */
async function pageOf(traceId) {
  const { TRACEN_ENDPOINT = "http://127.0.0.1:8000", TRACEN_KEY } = process.env;
  if (!TRACEN_KEY) throw new Error("TRACEN_KEY is not set");
  const url = `${TRACEN_ENDPOINT}/api/traces/by-otel/${traceId}`;
  for (const deadline = Date.now() + PAGE_WAIT_MS; ; await sleep(250)) {
    const reply = await fetch(url, { headers: { "X-Tracen-Key": TRACEN_KEY } });
    if (reply.ok) return (await reply.json()).url;
    if (reply.status !== 404 || Date.now() > deadline)
      throw new Error(`${url} answers ${reply.status}: ${await reply.text()}`);
  }
}

let traceId;
try {
  const run = await runAgent("What is the weather in Paris?");
  console.log(run.answer);
  traceId = run.traceId;
} finally {
  // Sends what is not out yet; that it could not hides neither an answer nor an error.
  await sdk.shutdown().catch((error) => console.warn(`Spans were not sent: ${error.data ?? error.message}`));
}
await pageOf(traceId).then(console.log, (error) =>
  console.warn(`No page of trace ${traceId}: ${error.cause ?? error.message}. \`tracen doctor\` tells what is wrong.`),
);
