//! `tickerlake run`: from CSV files to answers in one command.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use producer::args::{FeedArgs, KafkaArgs};
use producer::feed::Feed;
use producer::foreground::{self, stop_on_signal};
use producer::input::Input;
use producer::kafka::{Settings as KafkaSettings, SettingsError};
use producer::run::Target;
use producer::summary::Summary;
use producer::topic::{Created, Topic};
use sink::Sink;
use sink::layout::Hour;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::lake::{Lake, LakeArgs};
use crate::quality;
use crate::say::{self, counted, say};
use crate::sql;
use crate::storage::LONGEST_KEY;
use crate::trigger::Settings;
use crate::trigger::command::{BatchArgs, FUNCTION_TIMEOUT, Running};
use crate::trigger::function::Function;
use crate::trigger::progress::{Counts, Progress};

const SAMPLE: &[u8] = include_bytes!("../../data/us-stocks-sample.csv");

/// Records in a batch: Lambda's most, since few large objects are read faster than many small ones.
pub const BATCH_SIZE: u16 = 10_000;

/// How long nothing need be said while records are being stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// Feeds CSV files through the whole pipeline: producer, Kafka, trigger, sink, objects, SQL.
#[derive(Args, Debug)]
#[command(after_help = "\
Without FILES the built-in sample is fed. Without --bootstrap-server and --bucket everything runs in
this process. A second run over the same folder appends: look at it with `tickerlake query`.
Ctrl-C ends the feed; what was delivered is stored, and the answers are given.

Examples:
  tickerlake run
  tickerlake run indexProcessed.csv --partitions 8
  tickerlake run --order sample --rate 50 --repeat forever
  tickerlake run -b broker:9092 --bucket my-lake quotes.csv.gz

Exit codes: 0 all rows stored, 1 failed, 2 wrong usage, 3 stored, but rows were rejected,
130 interrupted before the last row; what was delivered is stored.")]
pub struct RunArgs {
    #[command(flatten)]
    feed: FeedArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    /// The topic
    #[arg(short, long, default_value = "quotes", help_heading = "Kafka")]
    topic: Topic,
    /// The topic's partitions, should it not be there yet
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Kafka")]
    partitions: u32,
    /// The consumer group on a real broker
    #[arg(long, value_name = "ID", default_value = "tickerlake", help_heading = "Kafka")]
    consumer_group_id: String,
    #[command(flatten)]
    batch: BatchArgs,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Runs the command.
///
/// # Errors
/// When a stage fails; what was stored stays.
pub async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let sample = Input::Bytes { name: "the built-in sample", bytes: SAMPLE };
    let feed = Feed::or_sample(args.feed, sample)?;
    let stop = stop_on_signal();
    let lake = args.lake.open().await?;
    let (kafka, broker) = broker(args.kafka).await?;
    let created = producer::topic::create(&kafka, &args.topic, args.partitions).await?;
    let kind = if broker.is_some() { "embedded, " } else { "" };
    let topic = match created {
        Created::New => format!("topic {} with {} partitions", args.topic, args.partitions),
        Created::Existed => format!("topic {}, which was there", args.topic),
    };
    say("broker", &format!("{kind}{}, {topic}", kafka.servers()));

    let config = sink_config(&args.lake, &lake, args.topic.as_str(), broker.is_some()).await?;
    say("lake", &format!("{}, {}", place(&args.lake, &lake), generation(config.layout.generation)));
    let settings = Settings {
        client: kafka.client_config(),
        topics: vec![args.topic.to_string()],
        group: args.consumer_group_id.clone(),
        limits: args.batch.limits(BATCH_SIZE),
        timeout: FUNCTION_TIMEOUT,
    };
    let progress = Arc::new(Progress::default());
    let function = Function::Sink(Box::new(Sink::new(config, lake.client.clone())));
    let mut trigger = Running::start(settings, function, Arc::clone(&progress))?;

    let target = Target::Kafka { settings: kafka, topic: args.topic.clone() };
    let fed = Arc::new(producer::progress::Progress::default());
    let summary = match foreground::run(feed, target, Arc::clone(&fed), stop.clone()).await {
        Ok(summary) => summary,
        Err(error) => {
            let delivered = fed.snapshot().delivered;
            // A real broker keeps them for the next run; our own forgets them when this process ends.
            if broker.is_some() {
                tokio::select! {
                    () = progress.stored_records(delivered) => {}
                    failed = trigger.failure() => {
                        return Err(failed.context(format!("{error}; then the trigger failed")));
                    }
                }
                // Before the broker goes, or it would be missed aloud.
                trigger.finish().await?;
            }
            return Err(match delivered {
                0 => error.into(),
                _ => anyhow::anyhow!("{error}; delivered until then: {}", counted(delivered, "record", "records")),
            });
        }
    };
    for line in summary.to_text().lines() {
        say("producer", line);
    }
    // A Ctrl-C that has ended the feed does not end the storing of what was delivered.
    let stop = if stop.is_cancelled() { CancellationToken::new() } else { stop };
    tokio::select! {
        () = stored(&progress, args.topic.as_str(), &args.consumer_group_id, &summary) => {}
        failed = trigger.failure() => return Err(failed.context("the trigger ended before everything was stored")),
        () = stop.cancelled() => bail!("stopped before everything was stored: {} of {} delivered records are", progress.counts().records, summary.delivered),
    }
    trigger.finish().await?;
    let Counts { batches, records, retries, report } = progress.counts();
    let records = counted(records, "record", "records");
    let failures = counted(retries, "failed invocation", "failed invocations");
    say("trigger", &format!("{records} in {}, {failures}", counted(batches, "batch", "batches")));
    say("sink", &say::stored(&report));
    let session = sql::session(&args.lake.tables().await?, args.topic.as_str()).await?;
    answers(&session).await?;
    quality(&session).await?;
    Ok(summary.exit_code().into())
}

/// The broker that was named, or one of our own.
async fn broker(mut args: KafkaArgs) -> anyhow::Result<(KafkaSettings, Option<Broker>)> {
    match KafkaSettings::try_from(args.clone()) {
        Err(SettingsError::NoServers) => {
            let broker = Broker::start(0).await?;
            args.bootstrap_server = Some(broker.bootstrap_servers());
            Ok((KafkaSettings::try_from(args)?, Some(broker)))
        }
        named => Ok((named?, None)),
    }
}

/// The sink's settings. The embedded broker begins every topic anew, so each of its starts over the same
/// lake is the next generation.
///
/// # Errors
/// When a variable is wrong or the lake cannot be listed.
pub async fn sink_config(args: &LakeArgs, lake: &Lake, topic: &str, embedded: bool) -> anyhow::Result<sink::Config> {
    let mut config = args.sink_config(&lake.bucket)?;
    if embedded {
        config.layout.generation = lake.next_generation(&config.layout.prefix, topic).await?;
    }
    let layout = &config.layout;
    let longest = layout.key(topic, 0, &layout.quarantine(Hour::UNKNOWN), 0).len();
    if lake.storage.is_some() && longest > LONGEST_KEY {
        bail!(
            "keys of topic {topic} would have {longest} bytes, and the embedded S3 takes {LONGEST_KEY}: give the topic or the prefix a shorter name"
        );
    }
    Ok(config)
}

fn place(args: &LakeArgs, lake: &Lake) -> String {
    match &args.bucket {
        Some(bucket) => format!("s3://{bucket}"),
        None => args.dir.join(&lake.bucket).display().to_string(),
    }
}

fn generation(number: u32) -> String {
    match number {
        0 => "the topic's first generation".to_owned(),
        number => format!("generation {number} of the topic"),
    }
}

/// Waits until every record that the broker confirmed is stored: as many of them, and the last of each
/// partition.
async fn stored(progress: &Progress, topic: &str, group: &str, summary: &Summary) {
    let all = async {
        for (&partition, delivery) in &summary.partitions {
            progress.stored(topic, partition, delivery.last_offset).await;
        }
        progress.stored_records(summary.delivered).await;
    };
    let patience = async {
        loop {
            tokio::time::sleep(PATIENCE).await;
            let records = progress.counts().records;
            tracing::warn!(
                "waiting: {records} of {} delivered records are stored here; another member of group {group} may have the rest",
                summary.delivered
            );
        }
    };
    tokio::select! {
        () = all => {}
        () = patience => {}
    }
}

/// The answers of `queries/`. One that fails does not keep the others from being given.
async fn answers(session: &sql::Session) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for query in sql::queries() {
        let mut out = Vec::new();
        writeln!(out, "\n{} (queries/{}.sql)", query.title, query.name)?;
        match sql::execute(session, query.sql).await {
            Ok(rows) => out.extend(sql::render(&rows, sql::Format::Text)?),
            Err(error) => {
                writeln!(out, "{error}")?;
                failed.push(query.name);
            }
        }
        std::io::stdout().lock().write_all(&out)?;
    }
    if !failed.is_empty() {
        bail!("everything is stored, but {} could not be answered", failed.join(", "));
    }
    Ok(())
}

/// What the questions of `queries/quality/` find in the whole lake, earlier runs included.
async fn quality(session: &sql::Session) -> anyhow::Result<()> {
    let report = quality::report(session).await;
    let mut out = String::from("\nData quality (queries/quality/)\n");
    for line in report.lines {
        out += &line;
        out.push('\n');
    }
    std::io::stdout().lock().write_all(out.as_bytes())?;
    if !report.failed.is_empty() {
        bail!("everything is stored, but {} could not be answered", report.failed.join(", "));
    }
    Ok(())
}
