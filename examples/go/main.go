// OTLP with OpenTelemetry's own Go SDK: nothing of Tracen in the program, and its page all the same.
//
//	cd examples/go
//	export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//	go run .
//
// More of the environment: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf, or grpc),
// TRACEN_ENDPOINT. It needs Go 1.26, as the SDK does.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	model    = "gpt-5-mini"
	question = "What is the weather in Paris?"
)

var tracer = otel.Tracer("weather-agent")

// message and part are written as OpenTelemetry's conventions for generative AI want them.
type message struct {
	Role         string `json:"role"`
	Parts        []part `json:"parts"`
	FinishReason string `json:"finish_reason,omitempty"`
}

type part map[string]any

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	exporter, err := autoexport.NewSpanExporter(ctx) // the environment says where to, and how
	if err != nil {
		return err
	}
	service, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "weather-agent-go")),
		resource.WithFromEnv()) // the last one wins: OTEL_SERVICE_NAME can rename it
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(service))
	otel.SetTracerProvider(provider)

	traceID := invokeAgent(ctx)
	if err := provider.Shutdown(ctx); err != nil { // sends what is not out yet
		return err
	}
	url, err := pageOf(ctx, traceID)
	if err != nil {
		return err
	}
	fmt.Println(url)
	return nil
}

func invokeAgent(ctx context.Context) trace.TraceID {
	ctx, span := tracer.Start(ctx, "invoke_agent weather_agent", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.name", "weather_agent"),
		attribute.String("gen_ai.provider.name", "openai")))
	defer span.End()

	conversation := []message{{Role: "user", Parts: []part{{"type": "text", "content": question}}}}
	asked := chat(ctx, conversation)
	call := asked.Parts[0]
	told := part{"type": "tool_call_response", "id": call["id"], "response": getWeather(ctx, call)}
	answer := chat(ctx, append(conversation, asked, message{Role: "tool", Parts: []part{told}}))
	if err := sendPostcard(ctx, answer.Parts[0]["content"]); err != nil {
		fmt.Println("No postcard:", err) // a failed tool does not fail the run
	}
	return span.SpanContext().TraceID()
}

// chat is one call of the model: here it knows two answers; yours goes over the network.
func chat(ctx context.Context, conversation []message) message {
	_, span := tracer.Start(ctx, "chat "+model, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	call := part{"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": part{"city": "Paris"}}
	answer, inputTokens, outputTokens := message{"assistant", []part{call}, "tool_call"}, 42, 17
	if len(conversation) > 1 {
		text := part{"type": "text", "content": "It is 18 °C and sunny in Paris."}
		answer, inputTokens, outputTokens = message{"assistant", []part{text}, "stop"}, 78, 14
	}
	span.SetAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", model),
		attribute.String("gen_ai.response.model", model),
		attribute.StringSlice("gen_ai.response.finish_reasons", []string{answer.FinishReason}),
		attribute.Int("gen_ai.usage.input_tokens", inputTokens),
		attribute.Int("gen_ai.usage.output_tokens", outputTokens),
		attribute.String("gen_ai.input.messages", asJSON(conversation)),
		attribute.String("gen_ai.output.messages", asJSON([]message{answer})))
	return message{Role: answer.Role, Parts: answer.Parts}
}

// getWeather is a tool that the model asked for.
func getWeather(ctx context.Context, call part) part {
	_, span := tracer.Start(ctx, "execute_tool get_weather")
	defer span.End()
	result := part{"temperature_c": 18, "sky": "sunny"}
	span.SetAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", "get_weather"),
		attribute.String("gen_ai.tool.call.id", call["id"].(string)),
		attribute.String("gen_ai.tool.call.arguments", asJSON(call["arguments"])),
		attribute.String("gen_ai.tool.call.result", asJSON(result)))
	return result
}

// sendPostcard is a tool that fails: the span records the error, and has its status.
func sendPostcard(ctx context.Context, text any) error {
	_, span := tracer.Start(ctx, "execute_tool send_postcard", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", "send_postcard"),
		attribute.String("gen_ai.tool.call.arguments", asJSON(part{"message": text}))))
	defer span.End()
	err := errors.New("no stamps left")
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
	span.SetAttributes(attribute.String("error.type", fmt.Sprintf("%T", err)))
	return err
}

// pageOf asks Tracen where the trace is shown.
func pageOf(ctx context.Context, traceID trace.TraceID) (string, error) {
	endpoint := cmp.Or(os.Getenv("TRACEN_ENDPOINT"), "http://127.0.0.1:8000")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/api/traces/by-otel/"+traceID.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("X-Tracen-Key", os.Getenv("TRACEN_KEY"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("no page of trace %s: %s", traceID, response.Status)
	}
	var page struct{ URL string }
	err = json.NewDecoder(response.Body).Decode(&page)
	return page.URL, err
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // nothing here is without a form in JSON
	}
	return string(text)
}
