//! `tickerlake trigger`, and the arguments that `run` and `up` share with it.

pub mod args;
pub mod from_template;
pub mod sink_function;
pub mod template;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use event_source::function::Function;
use event_source::on_failure::Place;
use event_source::progress::Progress;
use event_source::{Running, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::settings::Settings as KafkaSettings;
use kafka_client::topic::Topic;
use serde_json::json;
use sink::Sink;
use terminal::signal::stop_on_signal;

use crate::redrive::redrive;
use crate::say::{Format, Say};
use crate::view::status::Stored;
use crate::view::{View, Watched};
use args::FunctionArgs;
use from_template::{Named, TemplateArgs};
use sink_function::SinkFunction;

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
  SINK_BUCKET=my-lake tickerlake trigger --redrive ./given-up

--redrive hands each kept document's event to the function as it stands, in the order of topic,
partition and first offset, and needs no broker. A document that the function has taken is renamed
to *.redriven and not fed again; one that fails stays as it is, as do files of another kind. Ctrl-C
ends it between two documents. For what `up` gave up, set SINK_TOPIC_GENERATION to the topic's
generation of that time.

Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage. With --redrive: 0 all were taken, 1 some
were not, 3 all were taken but files of another kind, 130 ended by Ctrl-C before the last.")]
pub struct TriggerArgs {
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    template: TemplateArgs,
    /// Feed the function what an on-failure destination kept, instead of topics, and end; of the other settings
    /// those of the function hold, with 2 retries where no number is given
    #[arg(long, value_name = "FOLDER|s3://BUCKET/PREFIX", help_heading = "Redrive", conflicts_with_all = [
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
    if let Some(place) = args.redrive {
        return redrive(place, &args.named.function, say).await;
    }
    let kafka = KafkaSettings::try_from(args.kafka)?;
    let named = args.template.fill(args.named)?;
    let topics = named.topics();
    let group = named.consumer_group_id.as_deref().unwrap_or("tickerlake");
    let names = topics.iter().map(Topic::to_string).collect();
    let mut settings = Settings::new(kafka.client_config(), names, group, named.batch.limits(100));
    settings.starting_position = named.starting_position.unwrap_or_default().into();
    named.function.apply(&mut settings).await?;
    let function = function(&named.function).await?;
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

/// The function that the arguments name.
pub(crate) async fn function(args: &FunctionArgs) -> anyhow::Result<Arc<dyn Function>> {
    Ok(match args.http() {
        Some(function) => function,
        None => Arc::new(SinkFunction::new(environment_sink().await?)),
    })
}

async fn environment_sink() -> anyhow::Result<Sink> {
    let config = crate::lake::sink_config(|name| std::env::var(name).ok())
        .context("the sink's settings (or name a function with --function)")?;
    Ok(Sink::new(config, sink::storage::s3_adapter::client().await))
}
