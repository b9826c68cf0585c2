//! OTLP with OpenTelemetry's SDK for Rust: nothing of Tracen in the program, and its page all the same.
//!
//!     cd examples/rust
//!     export TRACEN_KEY=tracen_sk_… OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_…
//!     cargo run
//!
//! Also read: TRACEN_ENDPOINT, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL (http/json, http/protobuf,
//! or grpc).

use std::any::type_name;
use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fmt, io};

use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value as Attribute, global};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

const MODEL: &str = "gpt-5-mini";
const PAGE_WAIT: Duration = Duration::from_secs(5);

/// What a span tells as its error is the error's text and the name of its type.
#[derive(Debug)]
struct ModelError(&'static str);

#[derive(Debug)]
struct OutOfStamps;

impl fmt::Display for ModelError {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "the model refused: {}", self.0)
    }
}

impl fmt::Display for OutOfStamps {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "no stamps left")
    }
}

impl Error for ModelError {}
impl Error for OutOfStamps {}

/// Does work in a span: it is the active one meanwhile, ends with the work, and records its error.
async fn in_span<T, E: Error + 'static>(
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let tracer = global::tracer("weather-agent");
    let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
    let context = Context::current_with_span(builder.start(&tracer));
    let done = work.with_context(context.clone()).await;
    if let Err(error) = &done {
        context.span().record_error(error);
        context.span().set_attribute(KeyValue::new("error.type", type_name::<E>()));
        context.span().set_status(Status::error(error.to_string()));
    }
    context.span().end();
    done
}

/// A call of the model, in its span.
async fn chat(messages: &[Value]) -> Result<Value, ModelError> {
    let attributes = vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "openai"),
        KeyValue::new("gen_ai.request.model", MODEL),
        KeyValue::new("gen_ai.input.messages", json!(messages).to_string()),
    ];
    in_span(format!("chat {MODEL}"), SpanKind::Client, attributes, async {
        let (message, finish_reason, input_tokens, output_tokens) = complete(messages).await?;
        let reasons = Array::String(vec![StringValue::from(finish_reason)]);
        Context::current().span().set_attributes([
            KeyValue::new("gen_ai.response.model", MODEL),
            KeyValue::new("gen_ai.response.finish_reasons", Attribute::Array(reasons)),
            KeyValue::new("gen_ai.usage.input_tokens", input_tokens),
            KeyValue::new("gen_ai.usage.output_tokens", output_tokens),
            KeyValue::new("gen_ai.output.messages", json!([message]).to_string()),
        ]);
        Ok(message)
    })
    .await
}

/// The model: this one waits a moment and knows two answers, yours goes over the network.
async fn complete(messages: &[Value]) -> Result<(Value, &'static str, i64, i64), ModelError> {
    sleep(Duration::from_millis(30)).await;
    let call = json!({"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}});
    let text = json!({"type": "text", "content": "It is 18 °C and sunny in Paris."});
    let (part, finish_reason, input_tokens, output_tokens) = match messages.len() {
        0 => return Err(ModelError("there are no messages")),
        1 => (call, "tool_call", 42, 17),
        _ => (text, "stop", 78, 14),
    };
    let message = json!({"role": "assistant", "parts": [part]});
    Ok((message, finish_reason, input_tokens, output_tokens))
}

/// Does a tool's work in its span.
async fn in_tool_span<E: Error + 'static>(
    name: &str,
    arguments: &Value,
    work: impl Future<Output = Result<Value, E>>,
) -> Result<Value, E> {
    let attributes = vec![
        KeyValue::new("gen_ai.operation.name", "execute_tool"),
        KeyValue::new("gen_ai.tool.name", name.to_owned()),
        KeyValue::new("gen_ai.tool.call.arguments", arguments.to_string()),
    ];
    in_span(format!("execute_tool {name}"), SpanKind::Internal, attributes, work).await
}

/// A tool that the model asks for.
async fn get_weather(call_id: &str, arguments: &Value) -> Result<Value, ModelError> {
    in_tool_span("get_weather", arguments, async {
        sleep(Duration::from_millis(10)).await;
        let weather = json!({"temperature_c": 18, "sky": "sunny"});
        Context::current().span().set_attributes([
            KeyValue::new("gen_ai.tool.call.id", call_id.to_owned()),
            KeyValue::new("gen_ai.tool.call.result", weather.to_string()),
        ]);
        Ok(weather)
    })
    .await
}

/// A tool that fails.
async fn send_postcard(text: &str) -> Result<Value, OutOfStamps> {
    in_tool_span("send_postcard", &json!({"text": text}), async { Err(OutOfStamps) }).await
}

/// Answers a question; also tells the id of the trace.
async fn run_agent(question: &str) -> Result<(String, String), ModelError> {
    let attributes = vec![
        KeyValue::new("gen_ai.operation.name", "invoke_agent"),
        KeyValue::new("gen_ai.agent.name", "weather_agent"),
    ];
    in_span("invoke_agent weather_agent".to_owned(), SpanKind::Internal, attributes, async {
        let mut messages = vec![json!({"role": "user", "parts": [{"type": "text", "content": question}]})];
        let wanted = chat(&messages).await?;
        let call = wanted["parts"][0].clone();
        let call_id = call["id"].as_str().unwrap_or_default();
        let weather = get_weather(call_id, &call["arguments"]).await?;
        let result = json!({"type": "tool_call_response", "id": call_id, "response": weather});
        messages.extend([wanted, json!({"role": "tool", "parts": [result]})]);
        let reply = chat(&messages).await?;
        let answer = reply["parts"][0]["content"].as_str().unwrap_or_default();
        if let Err(error) = send_postcard(answer).await {
            println!("No postcard: {error}"); // a tool that fails does not fail the run
        }
        let trace_id = Context::current().span().span_context().trace_id();
        Ok((answer.to_owned(), trace_id.to_string()))
    })
    .await
}

/// Asks Tracen where a trace is shown, for some seconds: through a Collector it comes a little later.
async fn page_of(trace_id: &str) -> Result<String, Box<dyn Error>> {
    let endpoint = env::var("TRACEN_ENDPOINT").unwrap_or("http://127.0.0.1:8000".to_owned());
    let key = env::var("TRACEN_KEY").map_err(|_| "TRACEN_KEY is not set")?;
    let url = format!("{endpoint}/api/traces/by-otel/{trace_id}");
    let request = reqwest::Client::new().get(&url).header("X-Tracen-Key", key).build()?;
    let begun = Instant::now();
    loop {
        let reply = reqwest::Client::new().execute(request.try_clone().ok_or("no body is streamed")?).await?;
        let status = reply.status();
        if status.is_success() {
            let page: Value = reply.json().await?;
            return Ok(page["url"].as_str().ok_or("no url")?.to_owned());
        }
        if status != 404 || begun.elapsed() > PAGE_WAIT {
            return Err(format!("{url} answers {status}: {}", reply.text().await?).into());
        }
        sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = tracing_subscriber::fmt().with_writer(io::stderr);
    log.with_env_filter(EnvFilter::from_default_env()).init(); // errors, or what RUST_LOG says
    let name = env::var("OTEL_SERVICE_NAME").unwrap_or("weather-agent-rust".to_owned());
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(name).build())
        .with_batch_exporter(SpanExporter::builder().build()?) // the environment says where to, and how
        .build();
    global::set_tracer_provider(provider.clone());

    let run = run_agent("What is the weather in Paris?").await;
    if let Ok((answer, _)) = &run {
        println!("{answer}");
    }
    // Sends what is not out yet. That it could not does not change how the run went.
    if let Err(error) = provider.force_flush().and(provider.shutdown()) {
        eprintln!("Spans were not sent: {error}");
    }
    let (_, trace_id) = run?;
    match page_of(&trace_id).await {
        Ok(url) => println!("{url}"),
        Err(error) => eprintln!("No page of trace {trace_id}: {error}. `tracen doctor` tells what is wrong."),
    }
    Ok(())
}
