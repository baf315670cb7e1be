//! `tickerlake trigger`, and the arguments that `run` and `up` share with it.

pub mod args;
pub mod from_template;
pub mod sink_function;
pub mod template;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use event_source::on_failure::Place;
use event_source::progress::Progress;
use event_source::{Running, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::settings::Settings as KafkaSettings;
use kafka_client::topic::Topic;
use serde_json::json;
use terminal::signal::stop_on_signal;

use crate::redrive;
use crate::say::{Format, Say};
use crate::view::status::Stored;
use crate::view::{View, Watched};
use from_template::{Named, TemplateArgs};

/// How often `up` and `trigger` print a line in a pipe.
pub(crate) const LINE_EVERY: Duration = Duration::from_secs(1);

/// Reads topics in batches and hands them to the sink or to a function, as Lambda's Kafka event source does.
#[derive(Args, Debug)]
#[command(after_help = "\
Without --function batches go to the sink in this process, which is told by the function's own
variables (SINK_BUCKET, SINK_PREFIX, ...) and AWS's (AWS_REGION, AWS_ENDPOINT_URL_S3, ...).

Options bear the names of the event source mapping's settings. On AWS the retry attempts, the record age,
bisecting, response types and mapping logs need provisioned mode. Bisecting uses up no attempts. A function that
cannot be reached, or throttles, is tried for ever.

Examples:
  SINK_BUCKET=my-lake tickerlake trigger -b broker:9092 -t quotes
  tickerlake trigger -b 127.0.0.1:9092 \\
    --function http://localhost:9000/2015-03-31/functions/sink/invocations
  tickerlake trigger -b 127.0.0.1:9092 --bisect-batch-on-function-error \\
    --maximum-retry-attempts 3 --on-failure ./given-up
  tickerlake trigger -b 127.0.0.1:9092 --template template.yaml --template-parameter BatchSize=500

Exit codes: 0 stopped by Ctrl-C, 1 failed, 2 wrong usage.
`tickerlake redrive` invokes the function again with the batches that --on-failure kept.")]
pub struct TriggerArgs {
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    template: TemplateArgs,
    /// Deprecated: `tickerlake redrive` replaces it
    #[arg(long, hide = true, value_name = "SOURCE", conflicts_with_all = [
        "topic", "consumer_group_id", "starting_position", "batch_size", "maximum_batching_window_in_seconds",
        "maximum_record_age_in_seconds", "bisect_batch_on_function_error", "on_failure", "template",
    ])]
    redrive: Option<Place>,
    /// How the output is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
}

/// Runs the command until Ctrl-C, or until everything is redriven.
///
/// # Errors
/// When a setting is wrong or the broker refuses for good.
pub async fn trigger(args: TriggerArgs) -> anyhow::Result<ExitCode> {
    let say = Say { format: args.format };
    if let Some(source) = args.redrive {
        eprintln!("tickerlake: `trigger --redrive` is deprecated; use `tickerlake redrive {source}`");
        let function = &args.named.function;
        return redrive::run(source, &function.invoke, function.redrive_retries(), say).await;
    }
    let kafka = KafkaSettings::try_from(args.kafka)?;
    let named = args.template.fill(args.named)?;
    let topics = named.topics();
    let group = named.consumer_group_id.as_deref().unwrap_or("tickerlake");
    let names = topics.iter().map(Topic::to_string).collect();
    let mut settings = Settings::new(kafka.client_config(), names, group, named.batch.limits(100));
    settings.starting_position = named.starting_position.unwrap_or_default().into();
    named.function.apply(&mut settings).await?;
    let function = named.function.invoke.function_or_sink().await?;
    let stop = stop_on_signal();
    for topic in &topics {
        kafka_client::connection::check_connection(&kafka, Some(topic), &stop).await?;
    }
    let all = settings.topics.join(", ");
    say.stage("trigger", &format!("{all} of {}, group {group}, to {function}", kafka.servers()));
    say.event(
        "started",
        json!({"broker": kafka.servers(), "topics": settings.topics, "group": group, "function": function.to_string()}),
    );
    let progress = Arc::new(Progress::default());
    let running = Running::start(settings, function, Arc::clone(&progress))?;
    let view = View::start(Watched { fed: None, trigger: Arc::clone(&progress), line_every: LINE_EVERY }, say);
    let done = running.until(stop).await;
    view.end().await;
    say.ended(&Stored::from(&progress.counts()));
    done.map(|()| ExitCode::SUCCESS)
}
