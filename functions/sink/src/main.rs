//! The Lambda function: reads the settings from the environment and passes the runtime's events to the sink.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use sink::body::Body;
use sink::response::Response;
use sink::storage::endpoint;
use sink::{BatchError, Cause, Config, Outcome, PartitionError, Sink, metrics};
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
            tracing::error!(%error, "failed to start");
            return ExitCode::FAILURE;
        }
    };
    let body = Body::default();
    let handler = service_fn(|event: LambdaEvent<()>| handle(&sink, body.take(), event.context));
    // `TracingLayer` opens a span with the request id for each invocation, that is, for each batch.
    let runtime = Runtime::new(handler).layer(body.layer()).layer(TracingLayer::new());
    match runtime.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Lambda runtime failed");
            ExitCode::FAILURE
        }
    }
}

async fn sink() -> Result<Sink, Box<dyn Error>> {
    let config = Config::from_variables(|name| std::env::var(name).ok())?;
    Ok(Sink::connected(config, endpoint::connect().await?))
}

async fn handle(sink: &Sink, event: Bytes, context: Context) -> Result<Option<Response>, Diagnostic> {
    let started = Instant::now();
    let request_id = &context.request_id;
    match sink.handle(event).await {
        Ok(Outcome { report, failed }) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let function = &context.env_config.function_name;
            println!("{}", metrics::line(function, request_id, now, started.elapsed(), &report));
            for error in &failed {
                log_partition_error(request_id, error);
            }
            Ok(Response::from_failed(&failed))
        }
        Err(error) => {
            tracing::error!(request_id, %error, "batch failed");
            Err(diagnostic(&error))
        }
    }
}

fn log_partition_error(request_id: &str, error: &PartitionError) {
    let PartitionError { topic, partition, retry_from, last_offset, records, cause } = error;
    tracing::error!(
        request_id,
        topic,
        partition,
        first_offset = retry_from,
        last_offset,
        records,
        error = %cause,
        "failed to store a partition's records"
    );
}

/// Returns Lambda's error response. Logs and alarms distinguish failures by its `errorType`.
fn diagnostic(error: &BatchError) -> Diagnostic {
    let is_rejected = |error: &PartitionError| matches!(error.cause, Cause::Rejected(_));
    let error_type = match error {
        BatchError::Event(_) => "Event",
        BatchError::Partitions(errors) if errors.iter().any(is_rejected) => "Refused",
        BatchError::Partitions(_) => "Storage",
    };
    Diagnostic { error_type: error_type.to_owned(), error_message: error.to_string() }
}

/// Returns the log filter from `AWS_LAMBDA_LOG_LEVEL`, Lambda's own variable, or from `RUST_LOG` if the former is not
/// set. If neither is set, or the value is invalid, the level is info.
fn log_filter() -> Targets {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG"));
    level
        .ok()
        .and_then(|level| level.to_lowercase().parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}
