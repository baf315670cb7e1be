//! `tickerlake trigger`: the local event source mapping, and the arguments that `run`, `up` and `redrive` share with
//! it.

pub mod args;
pub mod mapping_args;
pub mod sink_function;
pub mod template;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use event_source::location::Location;
use event_source::progress::Progress;
use event_source::{EventSource, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::settings::Settings as KafkaSettings;
use kafka_client::topic::Topic;
use serde_json::json;
use terminal::signal::stop_on_signal;

use crate::output::{Format, Output};
use crate::progress::status::Stored;
use crate::progress::{Display, Sources, print_ended};
use mapping_args::{MappingArgs, TemplateArgs};

/// Minimum time between two plain lines of progress in `up` and `trigger`.
pub(crate) const PLAIN_LINE_INTERVAL: Duration = Duration::from_secs(1);

/// Default number of records in a batch, as on AWS.
const BATCH_SIZE: u16 = 100;

#[derive(Args, Debug)]
/// Read topics in batches and invoke the sink or another function, as Lambda's Kafka event source does
#[command(after_help = "\
Without --function the batches go to the sink in this process, which reads its settings from the
function's variables (SINK_BUCKET, SINK_PREFIX, ...) and AWS's (AWS_REGION, AWS_ENDPOINT_URL_S3, ...).

The options are named after the settings of an event source mapping. On AWS, the retry attempts, the
record age, bisecting and response types need provisioned mode. Bisecting does not count as an attempt.
An invocation that is throttled or does not reach the function is retried forever.

Examples:
  SINK_BUCKET=my-lake tickerlake trigger -b broker:9092 -t quotes
  tickerlake trigger -b 127.0.0.1:9092 \\
    --function http://localhost:9000/2015-03-31/functions/sink/invocations
  tickerlake trigger -b 127.0.0.1:9092 --bisect-batch-on-function-error \\
    --maximum-retry-attempts 3 --on-failure ./given-up
  tickerlake trigger -b 127.0.0.1:9092 --template template.yaml --template-parameter BatchSize=500

Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage, 130 aborted by a second Ctrl-C.
`tickerlake redrive` invokes the function again with the batches in an on-failure destination.")]
pub struct TriggerArgs {
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    pub(crate) mapping: MappingArgs,
    #[command(flatten)]
    template: TemplateArgs,
    /// Deprecated: use `tickerlake redrive`
    #[arg(long, hide = true, value_name = "SOURCE", conflicts_with_all = [
        "topic", "consumer_group_id", "starting_position", "batch_size", "maximum_batching_window_in_seconds",
        "maximum_record_age_in_seconds", "bisect_batch_on_function_error", "on_failure", "template",
    ])]
    pub(crate) redrive: Option<Location>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) format: Format,
}

/// Runs the command until Ctrl-C.
///
/// # Errors
/// If a setting is invalid, the brokers or a topic cannot be reached, or the event source fails.
pub async fn trigger(args: TriggerArgs) -> anyhow::Result<ExitCode> {
    let output = Output { format: args.format };
    let kafka = KafkaSettings::try_from(args.kafka)?;
    let mapping = args.template.fill(args.mapping)?;
    let topics = mapping.topics();
    let group = mapping.consumer_group_id.as_deref().unwrap_or("tickerlake");
    let names = topics.iter().map(Topic::to_string).collect();
    let mut settings = Settings::new(kafka.client_config(), names, group, mapping.batch.limits(BATCH_SIZE));
    settings.starting_position = mapping.starting_position.unwrap_or_default().into();
    mapping.function.apply(&mut settings).await?;
    let function = mapping.function.invoke.function_or_sink().await?;
    let stop = stop_on_signal();
    for topic in &topics {
        kafka_client::connection::check_connection(&kafka, Some(topic), &stop).await?;
    }
    let all = settings.topics.join(", ");
    output.stage("trigger", &format!("{all} of {}, group {group}, to {function}", kafka.servers()));
    output.event(
        "started",
        json!({"broker": kafka.servers(), "topics": settings.topics, "group": group, "function": function.to_string()}),
    );
    let progress = Arc::new(Progress::default());
    let event_source = EventSource::start(settings, function, Arc::clone(&progress))?;
    let sources = Sources { feed: None, event_source: Arc::clone(&progress), line_interval: PLAIN_LINE_INTERVAL };
    let display = Display::start(sources, output);
    let ended = event_source.until(stop).await;
    display.finish().await;
    print_ended(output, &Stored::from(&progress.counts()));
    ended?;
    Ok(ExitCode::SUCCESS)
}
