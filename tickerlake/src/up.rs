//! `tickerlake up`: runs the servers of the pipeline for other programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use console::Phase;
use embedded::s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY};
use embedded_broker::{Broker, Options, Storage};
use event_source::progress::Progress;
use event_source::{EventSource, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::settings::Settings as KafkaSettings;
use kafka_client::topic::Topic;
use kafka_client::watermarks::{commit_offsets, committed_offsets, last_offsets};
use lake_audit::Scope;
use lake_store::Lake;
use rdkafka::ClientConfig;
use serde_json::json;
use terminal::signal::stop_on_signal;
use tokio_util::sync::CancellationToken;

use crate::console::serve::{Counters, ServeArgs, Served, SinkInProcess};
use crate::generation::{self, Generation};
use crate::lake::LakeArgs;
use crate::output::{Format, Output};
use crate::progress::status::Stored;
use crate::progress::{Display, Sources, print_ended};
use crate::run::BATCH_SIZE;
use crate::trigger::PLAIN_LINE_INTERVAL;
use crate::trigger::args::{BatchArgs, FunctionArgs};
use terminal::numbers::counted;

/// Folder of the broker's log, in the folder of the lake.
const BROKER_FOLDER: &str = "broker";

/// Consumer group of the event source.
const GROUP: &str = "tickerlake";

/// Time to wait for the remaining records at the end before warning that some are not stored yet.
const DRAIN_WARNING_DELAY: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
/// Run a Kafka-compatible broker, an S3 server, the event source and the sink until Ctrl-C
#[command(after_help = "\
Then, in other terminals:
  producer -b 127.0.0.1:9092 quotes.csv
  kcat -b 127.0.0.1:9092 -t quotes -C
  tickerlake query --watch 1 'SELECT count(*) FROM quotes'
  cargo lambda watch -p sink --env-file lake/sink.env

Restart cargo lambda after each start of `up`, because the settings change with the topic's
generation. To use that function instead of the sink in this process:
  tickerlake up --function http://localhost:9000/2015-03-31/functions/sink/invocations

The broker keeps topics, records and committed offsets in DIR/broker, and the next `up` continues
with them, even after kill -9. With --ephemeral it keeps them in memory. On Ctrl-C, `up` first
stores everything that is in the broker.

Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage, 130 aborted by a second Ctrl-C.")]
pub struct UpArgs {
    /// Port of the embedded broker; 0 selects a free one
    #[arg(long, default_value = "9092", help_heading = "Kafka")]
    port: u16,
    /// Topic to create and store
    #[arg(short, long, default_value = "quotes", help_heading = "Kafka")]
    topic: Topic,
    /// Number of partitions of the topic
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Kafka")]
    partitions: u32,
    /// Keep the broker's records in memory; they are lost when `up` ends
    #[arg(long, help_heading = "Kafka")]
    ephemeral: bool,
    #[command(flatten)]
    batch: BatchArgs,
    #[command(flatten)]
    function: FunctionArgs,
    /// Folder of the lake; the objects are plain files below DIR/tickerlake/data
    #[arg(long, value_name = "DIR", default_value = "./lake", help_heading = "Lake")]
    dir: PathBuf,
    /// Port of the embedded S3; 0 selects a free one
    #[arg(long, default_value = "9900", help_heading = "Lake")]
    s3_port: u16,
    #[command(flatten)]
    console: ServeArgs,
    /// Format of the output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
}

/// Runs the command until Ctrl-C.
///
/// # Errors
/// If a setting is invalid, a port or the folder is not available, or the event source fails.
pub async fn up(args: UpArgs) -> anyhow::Result<()> {
    let stop = stop_on_signal();
    let lake_args = LakeArgs { dir: args.dir, bucket: None, prefix: std::env::var("SINK_PREFIX").ok() };
    let lake = lake_args.open_for_writing().await?;
    let output = Output { format: args.format };
    let limits = args.batch.limits(BATCH_SIZE);
    let progress = Arc::new(Progress::default());
    let counters = Counters { feed: None, event_source: Arc::clone(&progress), limits };
    let console = args.console.start(args.topic.as_str(), &lake_args, counters, output);
    let storage = lake.storage.clone().context("internal error: the folder has no embedded S3 (this is a bug)")?;
    let endpoint = storage.serve(args.s3_port).await?;
    let log = (!args.ephemeral).then(|| lake_args.dir.join(BROKER_FOLDER));
    let broker_storage = log.clone().map_or(Storage::Memory, Storage::Folder);
    let broker = Broker::start(Options { port: args.port, storage: broker_storage, ..Options::default() }).await?;
    let kafka = KafkaSettings::try_from(KafkaArgs {
        bootstrap_server: Some(broker.bootstrap_servers()),
        ..KafkaArgs::default()
    })?;
    kafka_client::create_topic::create_topic(&kafka, &args.topic, args.partitions).await?;
    let generation = generation(&broker, log.as_deref(), &lake_args.open_for_reading().await?, &args.topic).await?;
    let number = generation.number;
    // A new generation of a kept log begins after what earlier generations have.
    let from_first = generation.is_new && generation.stored.iter().any(|&offset| offset > 0);
    let config = lake.sink_config(&lake_args, args.topic.as_str(), Some(number)).await?;
    let env_file = lake_args.dir.join("sink.env");
    std::fs::write(&env_file, environment(&endpoint, &config))
        .with_context(|| format!("failed to write {}", env_file.display()))?;

    let location = lake_args.dir.join(&lake.bucket).display().to_string();
    let function = args.function.invoke.http();
    let is_external = function.is_some();
    if is_external && args.console.lab {
        bail!("--lab breaks the sink in this process: leave out --function");
    }
    let in_process = function.is_none().then(|| SinkInProcess::new(&lake, config, args.console.lab));
    let lab = in_process.as_ref().and_then(|sink| sink.lab.clone());
    let function = function.or_else(|| in_process.map(|sink| sink.function));
    let function = function.context("internal error: the event source has no function (this is a bug)")?;
    let partitions = counted(args.partitions.into(), "partition", "partitions");
    let kept = log.as_ref().map_or("in memory".to_owned(), |log| format!("log in {}", log.display()));
    output.stage("broker", &format!("{}, topic {} with {partitions}, {kept}", broker.bootstrap_servers(), args.topic));
    output.stage("s3", &format!("{}, bucket {}, credentials {ACCESS_KEY} / {SECRET_KEY}", endpoint.url(), lake.bucket));
    output.stage("function", &function.to_string());
    output.stage("lake", &location);
    output.stage("settings", &env_file.display().to_string());
    output.stage("up", "press Ctrl-C to stop");
    output.event(
        "started",
        json!({"broker": broker.bootstrap_servers(), "topic": args.topic.as_str(), "partitions": args.partitions,
               "s3": endpoint.url(), "bucket": lake.bucket, "function": function.to_string(), "lake": location,
               "settings": env_file}),
    );
    let topics = vec![args.topic.to_string()];
    let mut settings = Settings::new(kafka.client_config(), topics, GROUP, limits);
    args.function.apply(&mut settings).await?;
    let client = settings.client.clone();
    let start = start_offsets(&client, &args.topic, generation, is_external, !args.ephemeral).await?;
    let mut event_source = EventSource::start(settings, function, Arc::clone(&progress))?;
    let sources = Sources { feed: None, event_source: Arc::clone(&progress), line_interval: PLAIN_LINE_INTERVAL };
    let display = Display::start(sources, output);
    if let Some(console) = console.console() {
        let scope = Scope { topic: Some(args.topic.to_string()), generation: Some(number), from_first };
        console.set_audit_scope(scope, Some(client.clone()));
    }
    if let Some(lab) = &lab {
        console.set_lab(lab, &client, args.topic.as_str(), &lake_args);
    }
    console.set_phase(Phase::Running);
    let ended = tokio::select! {
        failed = event_source.failure() => Err(failed),
        () = drain(&stop, &broker, client, &args.topic, &start, &progress, &console) => event_source.finish().await,
    };
    display.finish().await;
    print_ended(output, &Stored::from(&progress.counts()));
    broker.stop().await?;
    Ok(ended?)
}

/// Where the event source begins.
struct Start {
    /// By partition number.
    offsets: Vec<i64>,
    /// `true` if the broker keeps its log for the next `up`.
    is_kept: bool,
}

impl Start {
    fn offset(&self, partition: i32) -> i64 {
        usize::try_from(partition).ok().and_then(|index| self.offsets.get(index)).copied().unwrap_or(0)
    }
}

/// Decides where the event source begins, and commits it. The lake decides, not the offsets that the group committed
/// before, so a lake that lost objects is filled again. But an external function may store elsewhere, so it continues at
/// the committed offsets.
async fn start_offsets(
    client: &ClientConfig,
    topic: &Topic,
    generation: Generation,
    is_external: bool,
    is_kept: bool,
) -> anyhow::Result<Start> {
    let (client, topic) = (client.clone(), topic.to_string());
    let decide = move || {
        if is_external && !generation.is_new {
            committed_offsets(&client, GROUP, &topic, generation.stored.len())
        } else {
            commit_offsets(&client, GROUP, &topic, &generation.stored)?;
            Ok(generation.stored)
        }
    };
    let offsets = tokio::task::spawn_blocking(decide).await??;
    Ok(Start { offsets, is_kept })
}

/// Returns the generation of the topic's records in the broker.
async fn generation(broker: &Broker, log: Option<&Path>, lake: &Lake, topic: &Topic) -> anyhow::Result<Generation> {
    let found = broker.topics().into_iter().find(|found| found.name == topic.as_str());
    let found = found.context("internal error: the broker has no topic (this is a bug)")?;
    match log {
        Some(log) => generation::of_kept_log(log, lake, &found).await,
        None => {
            let number = generation::next(lake, topic.as_str()).await?;
            Ok(Generation { number, is_new: true, stored: found.end_offsets })
        }
    }
}

/// Waits for `stop`, closes the broker to new records, and waits until every record in the broker is stored. Reads the
/// last offsets until they no longer change, because the broker
/// may still accept a record while it is being closed.
async fn drain(
    stop: &CancellationToken,
    broker: &Broker,
    client: ClientConfig,
    topic: &Topic,
    start: &Start,
    progress: &Progress,
    console: &Served,
) {
    stop.cancelled().await;
    console.set_phase(Phase::Stopping);
    broker.close();
    let mut stored = Vec::new();
    loop {
        let (client, name) = (client.clone(), topic.to_string());
        let last = tokio::task::spawn_blocking(move || last_offsets(&client, &name)).await;
        let last = match last.map_err(anyhow::Error::from).and_then(|last| Ok(last?)) {
            Ok(last) => last,
            Err(error) => {
                return tracing::warn!(%error, "failed to check whether every record is stored; records in the broker may not be stored");
            }
        };
        if last == stored {
            return;
        }
        store_up_to(&last, topic, start, progress).await;
        stored = last;
    }
}

async fn store_up_to(last: &[(i32, i64)], topic: &Topic, start: &Start, progress: &Progress) {
    let unread = |(partition, offset): &(i32, i64)| *offset >= start.offset(*partition);
    let stored = async {
        for (partition, offset) in last.iter().filter(|last| unread(last)) {
            progress.stored(topic.as_str(), *partition, *offset).await;
        }
    };
    tokio::pin!(stored);
    if tokio::time::timeout(DRAIN_WARNING_DELAY, &mut stored).await.is_err() {
        let records: i64 = last
            .iter()
            .filter(|last| unread(last))
            .map(|&(partition, offset)| offset + 1 - start.offset(partition))
            .sum();
        let left = u64::try_from(records).unwrap_or(0).saturating_sub(progress.counts().records);
        let then = if start.is_kept { "leave them to the next `up`" } else { "abort and lose them" };
        tracing::warn!(
            records = left,
            "waiting for records in the broker that are not stored yet; press Ctrl-C again to {then}"
        );
        stored.await;
    }
}

/// Returns the function's environment variables for this S3, in the format of `cargo lambda watch --env-file`.
fn environment(endpoint: &Endpoint, config: &sink::Config) -> String {
    let aws = [
        ("AWS_ENDPOINT_URL_S3", endpoint.url()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
    ];
    aws.into_iter().chain(config.to_variables()).map(|(name, value)| format!("{name}={value}\n")).collect()
}
