//! OTLP with OpenTelemetry's SDK for Rust: nothing of Tracen in the program, and its page all the same.
//!
//!     cd examples/rust
//!     export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//!     cargo run
//!
//! Also read: TRACEN_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (http/json, http/protobuf, or grpc).

use std::error::Error;
use std::time::Duration;
use std::{env, thread};

use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};

const MODEL: &str = "gpt-5-mini";

/// A span inside the one that is active; it ends when it is dropped.
fn start(name: String, kind: SpanKind, attributes: Vec<KeyValue>) -> BoxedSpan {
    let tracer = global::tracer("weather-agent");
    tracer
        .span_builder(name)
        .with_kind(kind)
        .with_attributes(attributes)
        .start(&tracer)
}

/// A call of the model: this one waits a moment and knows two answers, yours goes over the network.
fn chat(messages: &[Value]) -> Value {
    let mut span = start(
        format!("chat {MODEL}"),
        SpanKind::Client,
        vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", MODEL),
            KeyValue::new("gen_ai.input.messages", json!(messages).to_string()),
        ],
    );
    thread::sleep(Duration::from_millis(30));
    let call = json!({"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}});
    let text = json!({"type": "text", "content": "It is 18 °C and sunny in Paris."});
    let (part, finish_reason, input_tokens, output_tokens) = match messages.len() {
        1 => (call, "tool_call", 42, 17),
        _ => (text, "stop", 78, 14),
    };
    let output = json!([{"role": "assistant", "parts": [part], "finish_reason": finish_reason}]);
    span.set_attributes([
        KeyValue::new("gen_ai.response.model", MODEL),
        KeyValue::new("gen_ai.usage.input_tokens", input_tokens),
        KeyValue::new("gen_ai.usage.output_tokens", output_tokens),
        KeyValue::new("gen_ai.output.messages", output.to_string()),
    ]);
    json!({"role": "assistant", "parts": [part]})
}

/// The span of a tool's run.
fn tool_span(name: &str, arguments: &Value) -> BoxedSpan {
    start(
        format!("execute_tool {name}"),
        SpanKind::Internal,
        vec![
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("gen_ai.tool.name", name.to_owned()),
            KeyValue::new("gen_ai.tool.call.arguments", arguments.to_string()),
        ],
    )
}

/// A tool that the model asks for.
fn get_weather(call_id: &str, arguments: &Value) -> Value {
    let mut span = tool_span("get_weather", arguments);
    thread::sleep(Duration::from_millis(10));
    let weather = json!({"temperature_c": 18, "sky": "sunny"});
    span.set_attributes([
        KeyValue::new("gen_ai.tool.call.id", call_id.to_owned()),
        KeyValue::new("gen_ai.tool.call.result", weather.to_string()),
    ]);
    weather
}

/// A tool that fails.
fn send_postcard(text: &str) -> Result<(), Box<dyn Error>> {
    let mut span = tool_span("send_postcard", &json!({"text": text}));
    let error = Box::<dyn Error>::from("no stamps left");
    span.record_error(error.as_ref());
    span.set_attribute(KeyValue::new("error.type", "out_of_stamps"));
    span.set_status(Status::error(error.to_string()));
    Err(error)
}

/// Answers a question; also tells the id of the trace.
fn run_agent(question: &str) -> (String, String) {
    let root = start(
        "invoke_agent weather_agent".to_owned(),
        SpanKind::Internal,
        vec![
            KeyValue::new("gen_ai.operation.name", "invoke_agent"),
            KeyValue::new("gen_ai.agent.name", "weather_agent"),
            KeyValue::new("gen_ai.provider.name", "openai"),
        ],
    );
    let trace_id = root.span_context().trace_id().to_string();
    let _active = Context::current_with_span(root).attach();

    let asked = json!({"role": "user", "parts": [{"type": "text", "content": question}]});
    let mut messages = vec![asked];
    let wanted = chat(&messages);
    let call = wanted["parts"][0].clone();
    let call_id = call["id"].as_str().unwrap_or_default();
    let weather = get_weather(call_id, &call["arguments"]);
    let result = json!({"type": "tool_call_response", "id": call_id, "response": weather});
    messages.extend([wanted, json!({"role": "tool", "parts": [result]})]);
    let reply = chat(&messages);
    let answer = reply["parts"][0]["content"].as_str().unwrap_or_default();
    if let Err(error) = send_postcard(answer) {
        println!("No postcard: {error}");
    }
    (answer.to_owned(), trace_id)
}

/// Asks Tracen where a trace is shown.
fn page_of(trace_id: &str) -> Result<String, Box<dyn Error>> {
    let endpoint = env::var("TRACEN_ENDPOINT").unwrap_or("http://127.0.0.1:8000".to_owned());
    let url = format!("{endpoint}/api/traces/by-otel/{trace_id}");
    let key = env::var("TRACEN_KEY").map_err(|_| "TRACEN_KEY is not set")?;
    let reply = reqwest::blocking::Client::new()
        .get(&url)
        .header("X-Tracen-Key", key)
        .send()?;
    if !reply.status().is_success() {
        return Err(format!("{url} answers {}: {}", reply.status(), reply.text()?).into());
    }
    let page: Value = reply.json()?;
    Ok(page["url"].as_str().ok_or("no url")?.to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter(); // gRPC connects in it
    let resource = Resource::builder().with_service_name("weather-agent-rust");
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_batch_exporter(SpanExporter::builder().build()?)
        .build();
    global::set_tracer_provider(provider.clone());

    let (answer, trace_id) = run_agent("What is the weather in Paris?");
    provider.force_flush()?; // sends what is not out yet, and fails where that does
    provider.shutdown()?;
    println!("{answer}\n{}", page_of(&trace_id)?);
    Ok(())
}
