//! The Lambda function: settings from the environment, batches from the runtime.

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bytes::Bytes;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use sink::body::Body;
use sink::response::Response;
use sink::storage::s3_adapter;
use sink::{BatchError, Config, Fault, Outcome, PartitionError, Sink, metrics};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let log = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
    tracing_subscriber::registry().with(log_filter()).with(log).init();
    let sink = match sink().await {
        Ok(sink) => sink,
        Err(error) => {
            tracing::error!("the sink cannot start: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let body = Body::default();
    let handler = service_fn(|event: LambdaEvent<()>| handle(&sink, body.take(), event.context));
    let runtime = Runtime::new(handler).layer(body.layer()).layer(TracingLayer::new());
    match runtime.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn sink() -> anyhow::Result<Sink> {
    let config = Config::from_variables(|name| std::env::var(name).ok()).context("a setting is wrong")?;
    Ok(Sink::new(config, s3_adapter::client().await))
}

async fn handle(sink: &Sink, event: Bytes, context: Context) -> Result<Option<Response>, Diagnostic> {
    let started = Instant::now();
    match sink.handle(event).await {
        Ok(Outcome { report, failed }) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let function = &context.env_config.function_name;
            println!("{}", metrics::line(function, &context.request_id, now, started.elapsed(), &report));
            for error in &failed {
                tracing::error!(request_id = context.request_id, "partition failed: {error}");
            }
            Ok(Response::of(&failed))
        }
        Err(error) => {
            tracing::error!(request_id = context.request_id, "batch failed: {error}");
            Err(diagnostic(&error))
        }
    }
}

/// The error's kind becomes Lambda's `errorType`, by which logs and alarms tell them apart.
fn diagnostic(error: &BatchError) -> Diagnostic {
    let is_refused = |error: &PartitionError| matches!(error.fault, Fault::Rejected(_));
    let kind = match error {
        BatchError::Event(_) => "Event",
        BatchError::Partitions(errors) if errors.iter().any(is_refused) => "Refused",
        BatchError::Partitions(_) => "Storage",
    };
    Diagnostic { error_type: kind.to_owned(), error_message: error.to_string() }
}

/// Lambda's own variable first, then Rust's.
fn log_filter() -> Targets {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG"));
    level
        .ok()
        .and_then(|level| level.to_lowercase().parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}
