// OTLP with OpenTelemetry's Go SDK: nothing of Tracen in the program, and its page all the same.
//
//	cd examples/go # with Go 1.26, or later
//	export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//	go run .
//
// Also read: TRACEN_ENDPOINT, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (http/protobuf, or grpc).
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
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0" // without gen_ai, which has left it
	"go.opentelemetry.io/otel/trace"
)

const (
	model     = "gpt-5-mini"
	flushTime = 10 * time.Second
	pageWait  = 5 * time.Second
)

var tracer = otel.Tracer("weather-agent")

// message and part are written as OpenTelemetry's conventions for generative AI want them.
type message struct {
	Role  string `json:"role"`
	Parts []part `json:"parts"`
}

type part map[string]any

// completion is what a model answers.
type completion struct {
	message                   message
	finishReason              string
	inputTokens, outputTokens int
}

// outOfStamps has a type of its own, which a span tells as the error's.
type outOfStamps struct{}

func (outOfStamps) Error() string { return "no stamps left" }

func main() {
	ctx := context.Background()
	traceID, err := run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	page, err := pageOf(ctx, traceID)
	if err != nil {
		log.Printf("No page of trace %s: %v. `tracen doctor` tells what is wrong.", traceID, err)
		return
	}
	fmt.Println(page)
}

// run answers a question. Its spans are sent when it returns, and when something panics.
func run(ctx context.Context) (trace.TraceID, error) {
	provider, err := newProvider(ctx)
	if err != nil {
		return trace.TraceID{}, err
	}
	otel.SetTracerProvider(provider)
	defer flush(ctx, provider)

	answer, traceID, err := runAgent(ctx, "What is the weather in Paris?")
	if err == nil {
		fmt.Println(answer)
	}
	return traceID, err
}

func newProvider(ctx context.Context) (*sdktrace.TracerProvider, error) {
	exporter, err := autoexport.NewSpanExporter(ctx) // the environment says where to, and how
	if err != nil {
		return nil, err
	}
	service, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("weather-agent-go")),
		resource.WithFromEnv()) // the last one wins: OTEL_SERVICE_NAME can rename it
	if err != nil {
		return nil, err
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(service)), nil
}

// flush sends what is not out yet. That it could not is told, and does not change how the run went.
func flush(ctx context.Context, provider *sdktrace.TracerProvider) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		log.Print("Spans were not sent: ", err)
	}
}

// failed records an error on the span in which it happened.
func failed(span trace.Span, err error) error {
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
	span.SetAttributes(semconv.ErrorType(err))
	return err
}

// runAgent answers a question; it also tells the id of the trace.
func runAgent(ctx context.Context, question string) (string, trace.TraceID, error) {
	ctx, span := tracer.Start(ctx, "invoke_agent weather_agent", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.name", "weather_agent")))
	defer span.End()
	traceID := span.SpanContext().TraceID()

	messages := []message{{Role: "user", Parts: []part{{"type": "text", "content": question}}}}
	wanted, err := chat(ctx, messages)
	if err != nil {
		return "", traceID, failed(span, err)
	}
	call := wanted.Parts[0]
	result := part{"type": "tool_call_response", "id": call["id"], "response": getWeather(ctx, call)}
	messages = append(messages, wanted, message{Role: "tool", Parts: []part{result}})
	reply, err := chat(ctx, messages)
	if err != nil {
		return "", traceID, failed(span, err)
	}
	answer := reply.Parts[0]["content"].(string)
	if err := sendPostcard(ctx, answer); err != nil {
		fmt.Println("No postcard:", err) // a tool that fails does not fail the run
	}
	return answer, traceID, nil
}

// chat is a call of the model, in its span.
func chat(ctx context.Context, messages []message) (message, error) {
	ctx, span := tracer.Start(ctx, "chat "+model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", model),
		attribute.String("gen_ai.input.messages", asJSON(messages))))
	defer span.End()

	output, err := complete(ctx, messages)
	if err != nil {
		return message{}, failed(span, err)
	}
	span.SetAttributes(
		attribute.String("gen_ai.response.model", model),
		attribute.StringSlice("gen_ai.response.finish_reasons", []string{output.finishReason}),
		attribute.Int("gen_ai.usage.input_tokens", output.inputTokens),
		attribute.Int("gen_ai.usage.output_tokens", output.outputTokens),
		attribute.String("gen_ai.output.messages", asJSON([]message{output.message})))
	return output.message, nil
}

// complete is the model: this one waits a moment and knows two answers, yours goes over the network.
func complete(ctx context.Context, messages []message) (completion, error) {
	select {
	case <-ctx.Done():
		return completion{}, ctx.Err()
	case <-time.After(30 * time.Millisecond):
	}
	if len(messages) == 1 {
		call := part{"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": part{"city": "Paris"}}
		return completion{message{"assistant", []part{call}}, "tool_call", 42, 17}, nil
	}
	text := part{"type": "text", "content": "It is 18 °C and sunny in Paris."}
	return completion{message{"assistant", []part{text}}, "stop", 78, 14}, nil
}

// getWeather is a tool that the model asks for.
func getWeather(ctx context.Context, call part) part {
	ctx, span := tracer.Start(ctx, "execute_tool get_weather", trace.WithAttributes(
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
	ctx, span := tracer.Start(ctx, "execute_tool send_postcard", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", "send_postcard"),
		attribute.String("gen_ai.tool.call.arguments", asJSON(part{"text": text}))))
	defer span.End()

	return failed(span, outOfStamps{})
}

// pageOf asks Tracen where a trace is shown, for some seconds: through a Collector it comes a little later.
func pageOf(ctx context.Context, traceID trace.TraceID) (string, error) {
	url := fmt.Sprintf("%s/api/traces/by-otel/%s", cmp.Or(os.Getenv("TRACEN_ENDPOINT"), "http://127.0.0.1:8000"), traceID)
	for deadline := time.Now().Add(pageWait); ; time.Sleep(250 * time.Millisecond) {
		status, told, err := get(ctx, url)
		switch {
		case err != nil:
			return "", err
		case status == http.StatusOK:
			var page struct{ URL string }
			err = json.Unmarshal(told, &page)
			return page.URL, err
		case status != http.StatusNotFound || time.Now().After(deadline):
			return "", fmt.Errorf("%s answers %d: %s", url, status, told)
		}
	}
}

func get(ctx context.Context, url string) (int, []byte, error) {
	key, found := os.LookupEnv("TRACEN_KEY")
	if !found {
		return 0, nil, errors.New("TRACEN_KEY is not set")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("X-Tracen-Key", key)
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer reply.Body.Close()
	told, err := io.ReadAll(reply.Body)
	return reply.StatusCode, told, err
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // nothing here is without a form in JSON
	}
	return string(text)
}
