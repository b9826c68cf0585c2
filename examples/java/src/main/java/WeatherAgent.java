// OTLP with OpenTelemetry's Java SDK: nothing of Tracen in the program, and its page all the same.
//
//     cd examples/java # with Java 17, or later, and Maven
//     export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//     mvn --quiet compile exec:java
//
// Also read: TRACEN_ENDPOINT, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (grpc, or http/protobuf).

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

public final class WeatherAgent {
  private static final String MODEL = "gpt-5-mini";
  private static final AttributeKey<List<String>> FINISH_REASONS =
      AttributeKey.stringArrayKey("gen_ai.response.finish_reasons");
  private static final Duration PAGE_WAIT = Duration.ofSeconds(5);
  private static final ObjectMapper JSON = new ObjectMapper();

  /** In the form of OpenTelemetry's conventions for generative AI. */
  private record Message(String role, List<Map<String, Object>> parts) {}

  private record Completion(Message message, String finishReason, long inputTokens, long outputTokens) {}

  private record Run(String answer, String traceId) {}

  private interface Work<T> {
    T in(Span span) throws Exception;
  }

  private final Tracer tracer;

  private WeatherAgent(Tracer tracer) {
    this.tracer = tracer;
  }

  public static void main(String[] arguments) throws Exception {
    // The environment says where to, and how; these are the defaults of what it does not say.
    var defaults = Map.of(
        "otel.service.name", "weather-agent-java", "otel.metrics.exporter", "none", "otel.logs.exporter", "none");
    var sdk = AutoConfiguredOpenTelemetrySdk.builder()
        .addPropertiesSupplier(() -> defaults)
        .disableShutdownHook() // it is closed below
        .build()
        .getOpenTelemetrySdk();
    Run run;
    try (sdk) { // whatever happens, closing it sends what is not out yet
      run = new WeatherAgent(sdk.getTracer("weather-agent")).run("What is the weather in Paris?");
      System.out.println(run.answer);
      if (!sdk.getSdkTracerProvider().forceFlush().join(10, TimeUnit.SECONDS).isSuccess()) {
        System.err.println("Spans were not sent: the exporter says why.");
      }
    }
    try {
      System.out.println(pageOf(run.traceId));
    } catch (IOException error) {
      System.err.printf("No page of trace %s: %s. `tracen doctor` tells what is wrong.%n", run.traceId, error);
    }
  }

  /** Answers a question; also tells the id of the trace. */
  private Run run(String question) throws Exception {
    var builder = tracer.spanBuilder("invoke_agent weather_agent")
        .setAttribute("gen_ai.operation.name", "invoke_agent")
        .setAttribute("gen_ai.agent.name", "weather_agent");
    return inSpan(builder, span -> {
      var messages = new ArrayList<Message>();
      messages.add(new Message("user", List.of(Map.of("type", "text", "content", question))));
      var wanted = chat(messages);
      var call = wanted.parts.get(0);
      var weather = getWeather((String) call.get("id"), call.get("arguments"));
      messages.add(wanted);
      messages.add(new Message(
          "tool", List.of(Map.of("type", "tool_call_response", "id", call.get("id"), "response", weather))));
      var answer = (String) chat(messages).parts.get(0).get("content");
      try {
        sendPostcard(answer);
      } catch (IllegalStateException error) {
        System.out.println("No postcard: " + error.getMessage()); // a tool that fails does not fail the run
      }
      return new Run(answer, span.getSpanContext().getTraceId());
    });
  }

  /** Does work in a span: it is the current one meanwhile, ends with the work, and records what it throws. */
  @SuppressWarnings("try") // the scope is closed, and needs no other use
  private static <T> T inSpan(SpanBuilder builder, Work<T> work) throws Exception {
    var span = builder.startSpan();
    try (Scope scope = span.makeCurrent()) {
      return work.in(span);
    } catch (Throwable error) {
      span.recordException(error)
          .setStatus(StatusCode.ERROR, String.valueOf(error.getMessage()))
          .setAttribute("error.type", error.getClass().getName());
      throw error;
    } finally {
      span.end();
    }
  }

  /** A call of the model, in its span. */
  private Message chat(List<Message> messages) throws Exception {
    var builder = tracer.spanBuilder("chat " + MODEL)
        .setSpanKind(SpanKind.CLIENT)
        .setAttribute("gen_ai.operation.name", "chat")
        .setAttribute("gen_ai.provider.name", "openai")
        .setAttribute("gen_ai.request.model", MODEL)
        .setAttribute("gen_ai.input.messages", json(messages));
    return inSpan(builder, span -> {
      var output = complete(messages);
      span.setAttribute("gen_ai.response.model", MODEL)
          .setAttribute(FINISH_REASONS, List.of(output.finishReason))
          .setAttribute("gen_ai.usage.input_tokens", output.inputTokens)
          .setAttribute("gen_ai.usage.output_tokens", output.outputTokens)
          .setAttribute("gen_ai.output.messages", json(List.of(output.message)));
      return output.message;
    });
  }

  /** The model: this one waits a moment and knows two answers, yours goes over the network. */
  private static Completion complete(List<Message> messages) throws InterruptedException {
    Thread.sleep(30);
    if (messages.size() == 1) {
      Map<String, Object> call = Map.of(
          "type", "tool_call", "id", "call_1", "name", "get_weather", "arguments", Map.of("city", "Paris"));
      return new Completion(new Message("assistant", List.of(call)), "tool_call", 42, 17);
    }
    Map<String, Object> text = Map.of("type", "text", "content", "It is 18 °C and sunny in Paris.");
    return new Completion(new Message("assistant", List.of(text)), "stop", 78, 14);
  }

  /** A tool that the model asks for. */
  private Map<String, Object> getWeather(String callId, Object arguments) throws Exception {
    return inSpan(tool("get_weather", arguments), span -> {
      Thread.sleep(10);
      Map<String, Object> weather = Map.of("temperature_c", 18, "sky", "sunny");
      span.setAttribute("gen_ai.tool.call.id", callId).setAttribute("gen_ai.tool.call.result", json(weather));
      return weather;
    });
  }

  /** A tool that fails. */
  private void sendPostcard(String text) throws Exception {
    inSpan(tool("send_postcard", Map.of("text", text)), span -> {
      throw new IllegalStateException("no stamps left");
    });
  }

  private SpanBuilder tool(String name, Object arguments) throws JsonProcessingException {
    return tracer.spanBuilder("execute_tool " + name)
        .setAttribute("gen_ai.operation.name", "execute_tool")
        .setAttribute("gen_ai.tool.name", name)
        .setAttribute("gen_ai.tool.call.arguments", json(arguments));
  }

  private static String json(Object value) throws JsonProcessingException {
    return JSON.writeValueAsString(value);
  }

  /** Asks Tracen where a trace is shown, for some seconds: through a Collector it comes a little later. */
  private static String pageOf(String traceId) throws IOException, InterruptedException {
    var endpoint = System.getenv().getOrDefault("TRACEN_ENDPOINT", "http://127.0.0.1:8000");
    var key = System.getenv("TRACEN_KEY");
    if (key == null) {
      throw new IOException("TRACEN_KEY is not set");
    }
    var request = HttpRequest.newBuilder(URI.create(endpoint + "/api/traces/by-otel/" + traceId))
        .header("X-Tracen-Key", key)
        .build();
    for (var deadline = Instant.now().plus(PAGE_WAIT); ; Thread.sleep(250)) {
      var reply = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
      if (reply.statusCode() == 200) {
        return JSON.readTree(reply.body()).get("url").asText();
      }
      if (reply.statusCode() != 404 || Instant.now().isAfter(deadline)) {
        throw new IOException(request.uri() + " answers " + reply.statusCode() + ": " + reply.body());
      }
    }
  }
}
