// OTLP with OpenTelemetry's Go SDK: nothing of Tracen in the program, and its page all the same.
//
//	cd examples/go # with Go 1.26, or later
//	export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//	go run .
//
// Also read: TRACEN_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (http/protobuf, or grpc).
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const model = "gpt-5-mini"

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

	answer, traceID := runAgent(ctx, "What is the weather in Paris?")
	if err := provider.Shutdown(ctx); err != nil { // sends what is not out yet
		return err
	}
	fmt.Println(answer)
	page, err := pageOf(ctx, traceID)
	if err != nil {
		return err
	}
	fmt.Println(page)
	return nil
}

// runAgent answers a question; it also tells the id of the trace.
func runAgent(ctx context.Context, question string) (string, trace.TraceID) {
	ctx, span := tracer.Start(ctx, "invoke_agent weather_agent", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.name", "weather_agent"),
		attribute.String("gen_ai.provider.name", "openai")))
	defer span.End()

	messages := []message{{Role: "user", Parts: []part{{"type": "text", "content": question}}}}
	wanted := chat(ctx, messages)
	call := wanted.Parts[0]
	result := part{"type": "tool_call_response", "id": call["id"], "response": getWeather(ctx, call)}
	messages = append(messages, wanted, message{Role: "tool", Parts: []part{result}})
	answer := chat(ctx, messages).Parts[0]["content"].(string)
	if err := sendPostcard(ctx, answer); err != nil {
		fmt.Println("No postcard:", err) // a tool that fails does not fail the run
	}
	return answer, span.SpanContext().TraceID()
}

// chat is a call of the model: this one waits a moment and knows two answers, yours goes over the network.
func chat(ctx context.Context, messages []message) message {
	_, span := tracer.Start(ctx, "chat "+model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", model),
		attribute.String("gen_ai.input.messages", asJSON(messages))))
	defer span.End()

	time.Sleep(30 * time.Millisecond)
	call := part{"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": part{"city": "Paris"}}
	output, inputTokens, outputTokens := message{"assistant", []part{call}, "tool_call"}, 42, 17
	if len(messages) > 1 {
		text := part{"type": "text", "content": "It is 18 °C and sunny in Paris."}
		output, inputTokens, outputTokens = message{"assistant", []part{text}, "stop"}, 78, 14
	}
	span.SetAttributes(
		attribute.String("gen_ai.response.model", model),
		attribute.Int("gen_ai.usage.input_tokens", inputTokens),
		attribute.Int("gen_ai.usage.output_tokens", outputTokens),
		attribute.String("gen_ai.output.messages", asJSON([]message{output})))
	return message{Role: output.Role, Parts: output.Parts}
}

// getWeather is a tool that the model asks for.
func getWeather(ctx context.Context, call part) part {
	_, span := tracer.Start(ctx, "execute_tool get_weather", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", "get_weather"),
		attribute.String("gen_ai.tool.call.id", call["id"].(string)),
		attribute.String("gen_ai.tool.call.arguments", asJSON(call["arguments"]))))
	defer span.End()

	time.Sleep(10 * time.Millisecond)
	weather := part{"temperature_c": 18, "sky": "sunny"}
	span.SetAttributes(attribute.String("gen_ai.tool.call.result", asJSON(weather)))
	return weather
}

// sendPostcard is a tool that fails: the span records the error, and has its status.
func sendPostcard(ctx context.Context, text string) error {
	_, span := tracer.Start(ctx, "execute_tool send_postcard", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", "send_postcard"),
		attribute.String("gen_ai.tool.call.arguments", asJSON(part{"text": text}))))
	defer span.End()

	err := errors.New("no stamps left")
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
	span.SetAttributes(attribute.String("error.type", fmt.Sprintf("%T", err)))
	return err
}

// pageOf asks Tracen where a trace is shown.
func pageOf(ctx context.Context, traceID trace.TraceID) (string, error) {
	url := fmt.Sprintf("%s/api/traces/by-otel/%s", cmp.Or(os.Getenv("TRACEN_ENDPOINT"), "http://127.0.0.1:8000"), traceID)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("X-Tracen-Key", os.Getenv("TRACEN_KEY"))
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		told, _ := io.ReadAll(reply.Body)
		return "", fmt.Errorf("%s answers %s: %s", url, reply.Status, told)
	}
	var page struct{ URL string }
	err = json.NewDecoder(reply.Body).Decode(&page)
	return page.URL, err
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // nothing here is without a form in JSON
	}
	return string(text)
}
