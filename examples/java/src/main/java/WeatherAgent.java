// OTLP with OpenTelemetry's own Java SDK: nothing of Tracen in the program, and its page all the same.
//
//     cd examples/java
//     export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//     mvn --quiet compile exec:java
//
// More of the environment: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL (grpc, or http/protobuf),
// TRACEN_ENDPOINT. Java 17; what a project of your own needs are the two dependencies in pom.xml.

import io.opentelemetry.api.common.AttributeKey;
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
  private static final String ANSWER = """
      {"role": "assistant", "finish_reason": "stop", "parts": [
        {"type": "text", "content": "It is 18 °C and sunny in Paris."}]}""";

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
    var traceId = new WeatherAgent(sdk.getTracer("weather-agent")).invoke();
    sdk.getSdkTracerProvider().forceFlush().join(10, TimeUnit.SECONDS); // sends what is not out yet
    System.out.println(pageOf(traceId));
  }

  private String invoke() {
    var span = tracer.spanBuilder("invoke_agent weather_agent")
        .setAttribute("gen_ai.operation.name", "invoke_agent")
        .setAttribute("gen_ai.agent.name", "weather_agent")
        .setAttribute("gen_ai.provider.name", "openai")
        .startSpan();
    try (Scope scope = span.makeCurrent()) {
      chat(List.of(QUESTION), CALL, "tool_call", 42, 17);
      var result = RESULT.formatted(getWeather());
      chat(List.of(QUESTION, CALL, result), ANSWER, "stop", 78, 14);
      try {
        sendPostcard();
      } catch (IllegalStateException error) {
        System.out.println("No postcard: " + error.getMessage()); // a failed tool does not fail the run
      }
      return span.getSpanContext().getTraceId();
    } finally {
      span.end();
    }
  }

  /** One call of the model: here the answer is known; yours comes over the network. */
  private void chat(List<String> conversation, String answer, String finish, long inputTokens, long outputTokens) {
    tracer.spanBuilder("chat " + MODEL)
        .setSpanKind(SpanKind.CLIENT)
        .setAttribute("gen_ai.operation.name", "chat")
        .setAttribute("gen_ai.provider.name", "openai")
        .setAttribute("gen_ai.request.model", MODEL)
        .setAttribute("gen_ai.response.model", MODEL)
        .setAttribute(AttributeKey.stringArrayKey("gen_ai.response.finish_reasons"), List.of(finish))
        .setAttribute("gen_ai.usage.input_tokens", inputTokens)
        .setAttribute("gen_ai.usage.output_tokens", outputTokens)
        .setAttribute("gen_ai.input.messages", conversation.toString()) // "[…, …]": an array in JSON too
        .setAttribute("gen_ai.output.messages", List.of(answer).toString())
        .startSpan()
        .end();
  }

  /** A tool that the model asked for. */
  private String getWeather() {
    var span = startTool("get_weather", "{\"city\": \"Paris\"}");
    try {
      var result = "{\"temperature_c\": 18, \"sky\": \"sunny\"}";
      span.setAttribute("gen_ai.tool.call.id", "call_1").setAttribute("gen_ai.tool.call.result", result);
      return result;
    } finally {
      span.end();
    }
  }

  /** A tool that fails: the span records the exception, and has its status. */
  private void sendPostcard() {
    var span = startTool("send_postcard", "{\"message\": \"It is 18 °C and sunny in Paris.\"}");
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

  /** Asks Tracen where the trace is shown. */
  private static String pageOf(String traceId) throws IOException, InterruptedException {
    var environment = System.getenv();
    var endpoint = environment.getOrDefault("TRACEN_ENDPOINT", "http://127.0.0.1:8000");
    var request = HttpRequest.newBuilder(URI.create(endpoint + "/api/traces/by-otel/" + traceId))
        .header("X-Tracen-Key", environment.getOrDefault("TRACEN_KEY", ""))
        .build();
    var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
    var url = Pattern.compile("\"url\": *\"([^\"]+)\"").matcher(response.body());
    if (response.statusCode() != 200 || !url.find()) {
      throw new IOException("no page of trace " + traceId + ": status " + response.statusCode());
    }
    return url.group(1);
  }
}
