// OTLP with OpenTelemetry's Java SDK: nothing of Tracen in the program, and its page all the same.
//
//     cd examples/java # with Java 17, or later, and Maven
//     export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//     mvn --quiet compile exec:java
//
// Also read: TRACEN_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (grpc, or http/protobuf).

import io.opentelemetry.api.trace.Span;
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
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

public final class WeatherAgent {
  private static final String MODEL = "gpt-5-mini";

  // Messages in the form of OpenTelemetry's conventions for generative AI; yours come from a JSON library.
  private static final String QUESTION = """
      {"role": "user", "parts": [{"type": "text", "content": "What is the weather in Paris?"}]}""";
  private static final String CALL = """
      {"role": "assistant", "finish_reason": "tool_call", "parts": [
        {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}]}""";
  private static final String RESULT = """
      {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": %s}]}""";
  private static final String ANSWER_TEXT = "It is 18 °C and sunny in Paris.";
  private static final String ANSWER = """
      {"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": "%s"}]}"""
      .formatted(ANSWER_TEXT);

  private final Tracer tracer;

  private WeatherAgent(Tracer tracer) {
    this.tracer = tracer;
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    // The environment says where to, and how; these are the defaults of what it does not say.
    var defaults = Map.of(
        "otel.service.name", "weather-agent-java", "otel.metrics.exporter", "none", "otel.logs.exporter", "none");
    var sdk = AutoConfiguredOpenTelemetrySdk.builder()
        .addPropertiesSupplier(() -> defaults)
        .build()
        .getOpenTelemetrySdk();
    var traceId = new WeatherAgent(sdk.getTracer("weather-agent")).run();
    sdk.getSdkTracerProvider().forceFlush().join(10, TimeUnit.SECONDS); // sends what is not out yet
    System.out.println(pageOf(traceId));
  }

  /** Answers a question; tells the id of the trace. */
  private String run() throws InterruptedException {
    var span = tracer.spanBuilder("invoke_agent weather_agent")
        .setAttribute("gen_ai.operation.name", "invoke_agent")
        .setAttribute("gen_ai.agent.name", "weather_agent")
        .setAttribute("gen_ai.provider.name", "openai")
        .startSpan();
    try (Scope scope = span.makeCurrent()) {
      chat(List.of(QUESTION), CALL, 42, 17);
      var result = RESULT.formatted(getWeather());
      chat(List.of(QUESTION, CALL, result), ANSWER, 78, 14);
      System.out.println(ANSWER_TEXT);
      try {
        sendPostcard(ANSWER_TEXT);
      } catch (IllegalStateException error) {
        System.out.println("No postcard: " + error.getMessage()); // a tool that fails does not fail the run
      }
      return span.getSpanContext().getTraceId();
    } finally {
      span.end();
    }
  }

  /** A call of the model: this one waits a moment for an answer that is known, yours goes over the network. */
  private void chat(List<String> messages, String answer, long inputTokens, long outputTokens)
      throws InterruptedException {
    var span = tracer.spanBuilder("chat " + MODEL)
        .setSpanKind(SpanKind.CLIENT)
        .setAttribute("gen_ai.operation.name", "chat")
        .setAttribute("gen_ai.provider.name", "openai")
        .setAttribute("gen_ai.request.model", MODEL)
        .setAttribute("gen_ai.input.messages", messages.toString()) // "[…, …]": an array in JSON too
        .startSpan();
    try {
      Thread.sleep(30);
      span.setAttribute("gen_ai.response.model", MODEL)
          .setAttribute("gen_ai.usage.input_tokens", inputTokens)
          .setAttribute("gen_ai.usage.output_tokens", outputTokens)
          .setAttribute("gen_ai.output.messages", List.of(answer).toString());
    } finally {
      span.end();
    }
  }

  /** A tool that the model asks for. */
  private String getWeather() throws InterruptedException {
    var span = startTool("get_weather", """
        {"city": "Paris"}""");
    try {
      Thread.sleep(10);
      var weather = """
          {"temperature_c": 18, "sky": "sunny"}""";
      span.setAttribute("gen_ai.tool.call.id", "call_1").setAttribute("gen_ai.tool.call.result", weather);
      return weather;
    } finally {
      span.end();
    }
  }

  /** A tool that fails: the span records the exception, and has its status. */
  private void sendPostcard(String text) {
    var span = startTool("send_postcard", """
        {"text": "%s"}""".formatted(text));
    try {
      throw new IllegalStateException("no stamps left");
    } catch (IllegalStateException error) {
      span.recordException(error)
          .setStatus(StatusCode.ERROR, error.getMessage())
          .setAttribute("error.type", error.getClass().getName());
      throw error;
    } finally {
      span.end();
    }
  }

  private Span startTool(String name, String arguments) {
    return tracer.spanBuilder("execute_tool " + name)
        .setAttribute("gen_ai.operation.name", "execute_tool")
        .setAttribute("gen_ai.tool.name", name)
        .setAttribute("gen_ai.tool.call.arguments", arguments)
        .startSpan();
  }

  /** Asks Tracen where a trace is shown. */
  private static String pageOf(String traceId) throws IOException, InterruptedException {
    var environment = System.getenv();
    var endpoint = environment.getOrDefault("TRACEN_ENDPOINT", "http://127.0.0.1:8000");
    var request = HttpRequest.newBuilder(URI.create(endpoint + "/api/traces/by-otel/" + traceId))
        .header("X-Tracen-Key", environment.getOrDefault("TRACEN_KEY", ""))
        .build();
    var reply = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
    var url = Pattern.compile("\"url\": *\"([^\"]+)\"").matcher(reply.body());
    if (reply.statusCode() != 200 || !url.find()) {
      throw new IOException(request.uri() + " answers " + reply.statusCode() + ": " + reply.body());
    }
    return url.group(1);
  }
}
