//! `tickerlake trigger`, and the arguments that `run` and `up` share with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use hyper::Uri;
use producer::args::KafkaArgs;
use producer::foreground::stop_on_signal;
use producer::kafka::Settings as KafkaSettings;
use producer::topic::Topic;
use sink::Sink;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::batch::{Limits, MAX_PAYLOAD};
use super::function::Function;
use super::progress::{Counts, Progress};
use super::{Settings, Trigger};
use crate::query::seconds;
use crate::say::{self, counted, say};

/// Lambda lets a function that a Kafka event source invokes run for 14 minutes at most.
pub const FUNCTION_TIMEOUT: Duration = Duration::from_secs(14 * 60);

/// What closes a batch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Batches")]
pub struct BatchArgs {
    /// Most records in a batch, up to 10000 [default: 100, as AWS; run and up: 10000]
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub batch_size: Option<u16>,
    /// Longest wait for a batch to fill, from its first record on
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = window)]
    pub maximum_batching_window_in_seconds: Duration,
}

impl BatchArgs {
    /// The limits, with the batch size of the command that asks.
    pub fn limits(&self, batch_size: u16) -> Limits {
        Limits {
            batch_size: usize::from(self.batch_size.unwrap_or(batch_size)),
            window: self.maximum_batching_window_in_seconds,
            payload: MAX_PAYLOAD,
        }
    }
}

fn window(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|window| match window.as_secs() {
        0..300 => Ok(window),
        300 if window.subsec_nanos() == 0 => Ok(window),
        _ => Err("at most 300 seconds".to_owned()),
    })
}

/// Reads topics in batches and hands them to the sink or to a function, as Lambda's Kafka event source does.
#[derive(Args, Debug)]
#[command(after_help = "\
Without --function batches go to the sink in this process, which is told by the function's own
variables (SINK_BUCKET, SINK_PREFIX, ...) and AWS's (AWS_REGION, AWS_ENDPOINT_URL_S3, ...).

Examples:
  SINK_BUCKET=my-lake tickerlake trigger -b broker:9092 -t quotes
  tickerlake trigger -b 127.0.0.1:9092 \\
    --function http://localhost:9000/2015-03-31/functions/sink/invocations")]
pub struct TriggerArgs {
    #[command(flatten)]
    kafka: KafkaArgs,
    /// The topic; may be repeated
    #[arg(short, long, value_name = "TOPIC", default_value = "quotes", help_heading = "Kafka")]
    topic: Vec<Topic>,
    /// The consumer group; a new one begins at the start of the topic
    #[arg(long, value_name = "ID", default_value = "tickerlake", help_heading = "Kafka")]
    consumer_group_id: String,
    #[command(flatten)]
    batch: BatchArgs,
    /// Where batches go: the address at which a function is invoked [default: the sink, in this process]
    #[arg(long, value_name = "URL", help_heading = "Function")]
    function: Option<Uri>,
}

/// Runs the command until Ctrl-C.
///
/// # Errors
/// When a setting is wrong or the broker refuses for good.
pub async fn trigger(args: TriggerArgs) -> anyhow::Result<()> {
    let kafka = KafkaSettings::try_from(args.kafka)?;
    let settings = Settings {
        client: kafka.client_config(),
        topics: args.topic.iter().map(Topic::to_string).collect(),
        group: args.consumer_group_id,
        limits: args.batch.limits(100),
        timeout: FUNCTION_TIMEOUT,
    };
    let function = match args.function {
        Some(url) => Function::http(url),
        None => Function::Sink(Box::new(environment_sink().await?)),
    };
    say("trigger", &format!("{} of {}, group {}", settings.topics.join(", "), kafka.servers(), settings.group));
    let stop = stop_on_signal();
    let progress = Arc::new(Progress::default());
    let running = Running::start(settings, function, Arc::clone(&progress))?;
    let watching = watch(Arc::clone(&progress), stop.clone());
    running.until(stop).await?;
    watching.await?;
    Ok(())
}

async fn environment_sink() -> anyhow::Result<Sink> {
    let config = crate::lake::sink_config(|name| std::env::var(name).ok())
        .context("the sink's settings (or name a function with --function)")?;
    Ok(Sink::new(config, sink::store::client().await))
}

/// A trigger on a thread of its own; it ends when this is dropped.
pub struct Running {
    stop: DropGuard,
    thread: tokio::task::JoinHandle<Result<(), super::TriggerError>>,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// [`super::TriggerError`] when librdkafka refuses a setting.
    pub fn start(settings: Settings, function: Function, progress: Arc<Progress>) -> Result<Self, super::TriggerError> {
        let trigger = Trigger::new(settings, function, progress)?;
        let stop = CancellationToken::new();
        let token = stop.clone();
        let thread = tokio::task::spawn_blocking(move || trigger.run(&Handle::current(), &token));
        Ok(Running { stop: stop.drop_guard(), thread })
    }

    /// Waits for `stop`, lets the batch under way finish, and ends the trigger; sooner, if it fails.
    ///
    /// # Errors
    /// Why the trigger failed.
    pub async fn until(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            ended = &mut self.thread => Ok(ended??),
            () = stop.cancelled() => self.finish().await,
        }
    }

    /// Lets the batch under way finish, and ends the trigger.
    ///
    /// # Errors
    /// Why the trigger had failed before.
    pub async fn finish(self) -> anyhow::Result<()> {
        drop(self.stop);
        Ok(self.thread.await??)
    }

    /// Completes when the trigger has ended of itself, which it does only when it fails; says why.
    pub async fn failure(&mut self) -> anyhow::Error {
        match (&mut self.thread).await {
            Ok(Ok(())) => anyhow::anyhow!("it was stopped"),
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }
}

/// Prints a line for each second in which something was stored, until `stop`.
pub fn watch(progress: Arc<Progress>, stop: CancellationToken) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut last = Counts::default();
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            let stopped = stop.run_until_cancelled(ticks.tick()).await.is_none();
            let counts = progress.counts();
            if counts.records != last.records {
                say("stored", &line(&last, &counts));
                last = counts;
            }
            if stopped {
                return;
            }
        }
    })
}

fn line(before: &Counts, now: &Counts) -> String {
    let records = counted(now.records, "record", "records");
    let mut line =
        format!("{records} (+{}) in {}", now.records - before.records, counted(now.batches, "batch", "batches"));
    if now.report.objects > 0 {
        line += &format!("; {}", say::stored(&now.report));
    }
    if now.retries > 0 {
        line += &format!("; {}", counted(now.retries, "failed invocation", "failed invocations"));
    }
    line
}
