//! `tickerlake run`: from CSV files to answers in one command.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use event_source::progress::{Counts, Progress};
use event_source::{Running, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::create_topic::Created;
use kafka_client::settings::{Settings as KafkaSettings, SettingsError};
use kafka_client::topic::Topic;
use lake_audit::Scope;
use lake_query::{RecordBatch, Session};
use producer::cli::args::FeedArgs;
use producer::delivery::output::Target;
use producer::feed::Feed;
use producer::feed::input::Input;
use producer::report::summary::Summary;
use producer::run::run_in_background;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use sink::Sink;
use terminal::signal::stop_on_signal;
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::lake::{Lake, LakeArgs};
use crate::say::{self, Format, Say};
use crate::trigger::args::BatchArgs;
use crate::trigger::sink_function::SinkFunction;
use crate::view::{View, Watched};
use embedded::broker::Broker;
use terminal::numbers::counted;

const SAMPLE: &[u8] = include_bytes!("../../data/us-stocks-sample.csv");

/// Records in a batch: Lambda's most, since few large objects are read faster than many small ones.
pub const BATCH_SIZE: u16 = 10_000;

/// How long nothing need be said while records are being stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a line tells in a pipe how things stand.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Feeds CSV files through the whole pipeline: producer, Kafka, trigger, sink, objects, SQL.
#[derive(Args, Debug)]
#[command(after_help = "\
Without FILES the built-in sample is fed. Without --bootstrap-server and --bucket everything runs in
this process. A second run over the same folder appends: look at it with `tickerlake query`.
Ctrl-C ends the feed; what was delivered is stored, and the answers are given. At the end every object of
this topic and generation is read and compared with ledger and broker, as `tickerlake audit` does.

Examples:
  tickerlake run
  tickerlake run indexProcessed.csv --partitions 8
  tickerlake run --order sample --rate 50 --repeat forever
  tickerlake run -b broker:9092 --bucket my-lake quotes.csv.gz

Exit codes: 0 all rows stored, 1 failed, 2 wrong usage, 3 stored, but rows were rejected,
4 the audit has found something missing, twice or damaged,
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
    /// How the output is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
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
    let say = Say { format: args.format };
    let created = kafka_client::create_topic::create_topic(&kafka, &args.topic, args.partitions).await?;
    let (topic, kind) = (args.topic.to_string(), if broker.is_some() { "embedded, " } else { "" });
    let told = match created {
        Created::New => format!("topic {} with {} partitions", args.topic, args.partitions),
        Created::Existed => format!("topic {}, which was there", args.topic),
    };
    say.stage("broker", &format!("{kind}{}, {told}", kafka.servers()));

    let config = lake.sink_config(&args.lake, &topic, broker.is_some()).await?;
    let (place, number) = (place(&args.lake, &lake), config.layout.generation);
    say.stage("lake", &format!("{place}, {}", generation(number)));
    say.event(
        "started",
        json!({"broker": kafka.servers(), "embedded_broker": broker.is_some(), "topic": topic,
               "lake": place, "generation": number}),
    );
    let (client, group) = (kafka.client_config(), &args.consumer_group_id);
    let settings = Settings::new(client.clone(), vec![topic.clone()], group, args.batch.limits(BATCH_SIZE));
    let progress = Arc::new(Progress::default());
    let function = Arc::new(SinkFunction::new(Sink::new(config, lake.client.clone())));
    let trigger = Running::start(settings, function, Arc::clone(&progress))?;

    let fed = Arc::new(producer::report::progress::Progress::default());
    let watched = Watched { fed: Some(Arc::clone(&fed)), trigger: Arc::clone(&progress), line_every: LINE_EVERY };
    let view = View::start(watched, say);
    let target = Target::Kafka { settings: kafka, topic: args.topic };
    let pipeline = Pipeline { target, trigger, group: args.consumer_group_id, fed, progress: Arc::clone(&progress) };
    let stored = pipeline.feed_and_store(feed, stop, broker.is_some(), say).await;
    view.end().await;
    let summary = stored?;

    let Counts { batches, records, failures, report, .. } = progress.counts();
    say.event("fed", &summary);
    say.event(
        "stored",
        json!({"records": records, "batches": batches, "failed_invocations": failures, "sink": report}),
    );
    let records = counted(records, "record", "records");
    let failures = counted(failures, "failed invocation", "failed invocations");
    say.stage("trigger", &format!("{records} in {}, {failures}", counted(batches, "batch", "batches")));
    say.stage("sink", &say::stored(&report));
    let session = lake_query::session(&args.lake.tables().await?, &topic).await?;
    answers(&session, say).await?;
    quality(&session, say).await?;
    // Of a broker of our own, each generation begins at the topic's beginning.
    let scope = Scope { topic: Some(topic), generation: Some(number), from_first: broker.is_none() };
    let audited = audit::closing(&args.lake, &scope, &client, say).await;
    match audited.context("everything is stored, but it could not be audited")? {
        true => Ok(audit::FOUND.into()),
        false => Ok(summary.exit_code().into()),
    }
}

/// What is between the CSV and the lake.
struct Pipeline {
    target: Target,
    trigger: Running,
    group: String,
    fed: Arc<producer::report::progress::Progress>,
    progress: Arc<Progress>,
}

impl Pipeline {
    /// Feeds, and waits until all that was delivered is stored.
    async fn feed_and_store(
        mut self,
        feed: Feed,
        stop: CancellationToken,
        embedded_broker: bool,
        say: Say,
    ) -> anyhow::Result<Summary> {
        let Target::Kafka { topic, .. } = &self.target else { bail!("a run feeds a topic") };
        let topic = topic.to_string();
        let summary = match run_in_background(feed, self.target, Arc::clone(&self.fed), stop.clone()).await {
            Ok(summary) => summary,
            Err(error) => {
                let delivered = self.fed.snapshot().delivered;
                // A real broker keeps them for the next run; our own forgets them when this process ends.
                if embedded_broker {
                    tokio::select! {
                        () = self.progress.stored_records(delivered) => {}
                        failed = self.trigger.failure() => {
                            return Err(failed.context(format!("{error}; then the trigger failed")));
                        }
                    }
                    // Before the broker goes, or it would be missed aloud.
                    self.trigger.finish().await?;
                }
                return Err(match delivered {
                    0 => error.into(),
                    _ => anyhow::anyhow!("{error}; delivered until then: {}", counted(delivered, "record", "records")),
                });
            }
        };
        for line in summary.to_text().lines() {
            say.stage("producer", line);
        }
        // A Ctrl-C that has ended the feed does not end the storing of what was delivered.
        let stop = if stop.is_cancelled() { CancellationToken::new() } else { stop };
        tokio::select! {
            () = stored(&self.progress, &topic, &self.group, &summary) => {}
            failed = self.trigger.failure() => return Err(failed.context("the trigger ended before everything was stored")),
            () = stop.cancelled() => bail!("stopped before everything was stored: {} of {} delivered records are", self.progress.counts().records, summary.delivered),
        }
        self.trigger.finish().await?;
        Ok(summary)
    }
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
async fn answers(session: &Session, say: Say) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for query in lake_query::queries() {
        let mut told = Answer { query: query.name, title: query.title, rows: None, error: None };
        let mut text = format!("\n{} (queries/{}.sql)\n", query.title, query.name).into_bytes();
        match lake_query::execute(session, query.sql).await {
            Ok(rows) if say.format == Format::Json => told.rows = Some(objects(&rows)?),
            Ok(rows) => text.extend(lake_query::render(&rows, lake_query::Format::Text)?),
            Err(error) => {
                writeln!(text, "{error}")?;
                told.error = Some(error.to_string());
                failed.push(query.name);
            }
        }
        say.text(&text);
        say.event("answer", &told);
    }
    if !failed.is_empty() {
        bail!("everything is stored, but {} could not be answered", failed.join(", "));
    }
    Ok(())
}

/// The answer of a saved query, for scripts.
#[derive(Serialize)]
struct Answer {
    query: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn objects(rows: &[RecordBatch]) -> anyhow::Result<Vec<Box<RawValue>>> {
    let lines = String::from_utf8(lake_query::render(rows, lake_query::Format::Json)?)?;
    Ok(lines.lines().map(|line| RawValue::from_string(line.to_owned())).collect::<Result<_, _>>()?)
}

/// What the questions of `queries/quality/` find in the whole lake, earlier runs included.
async fn quality(session: &Session, say: Say) -> anyhow::Result<()> {
    let answers = lake_query::quality::report(session).await;
    say.text(b"\nData quality (queries/quality/)\n");
    for answer in &answers {
        say.text(format!("{}\n", answer.line).as_bytes());
        say.event("quality", answer);
    }
    let failed: Vec<_> = answers.iter().filter(|answer| answer.error.is_some()).map(|answer| answer.query).collect();
    if !failed.is_empty() {
        bail!("everything is stored, but {} could not be answered", failed.join(", "));
    }
    Ok(())
}
