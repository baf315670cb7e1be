//! `tickerlake up`: runs the servers of the pipeline for other programs.

mod drain;
mod topics;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use console::Phase;
use embedded_broker::{Broker, Options, Storage};
use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY};
use event_source::function::Function;
use event_source::progress::Progress;
use kafka_client::args::KafkaArgs;
use kafka_client::settings::Settings as KafkaSettings;
use kafka_client::topic::Topic;
use lake_audit::Scope;
use serde_json::json;
use terminal::numbers::counted;
use terminal::signal::stop_on_signal;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use self::drain::drain;
use self::topics::{Others, Shared, Topics};
use crate::console::lab::function::LabFunction;
use crate::console::pipeline::LocalPipeline;
use crate::console::serve::{ServeArgs, Served, SinkInProcess};
use crate::lake::LakeArgs;
use crate::output::{Format, Output};
use crate::progress::status::Stored;
use crate::progress::{Display, Sources, print_ended};
use crate::run::BATCH_SIZE;
use crate::trigger::PLAIN_LINE_INTERVAL;
use crate::trigger::args::{BatchArgs, FunctionArgs};

/// Folder of the broker's log, in the folder of the lake.
const BROKER_FOLDER: &str = "broker";

/// Time between two looks for topics that other programs created.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

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

Topics that other programs create are stored within a second, except with --only-topic or
--function. `tickerlake query` has a table for each of them.

Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage, 130 aborted by a second Ctrl-C.")]
pub struct UpArgs {
    /// Port of the embedded broker; 0 selects a free one
    #[arg(long, default_value = "9092", help_heading = "Kafka")]
    port: u16,
    /// Topic to create and store; those that other programs create are stored, too
    #[arg(short, long, default_value = "quotes", help_heading = "Kafka")]
    topic: Topic,
    /// Create a topic when a client sends to it or reads from it, as Kafka does with
    /// `auto.create.topics.enable=true`
    #[arg(long, help_heading = "Kafka")]
    auto_create_topics: bool,
    /// Store only the topic of --topic
    #[arg(long, help_heading = "Kafka")]
    only_topic: bool,
    /// Number of partitions of the topic, and of topics created by --auto-create-topics
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
    let progress = Arc::new(Progress::default());
    let limits = args.batch.limits(BATCH_SIZE);
    let topic = args.topic.to_string();
    let pipeline = LocalPipeline { feed: None, event_source: Arc::clone(&progress), limits, topic };
    let console = args.console.start(args.topic.as_str(), &lake_args, None, pipeline, output);
    let storage = lake.storage.clone().context("internal error: the folder has no embedded S3 (this is a bug)")?;
    let endpoint = storage.serve(args.s3_port).await?;
    let log = (!args.ephemeral).then(|| lake_args.dir.join(BROKER_FOLDER));
    let broker_storage = log.clone().map_or(Storage::Memory, Storage::Folder);
    let auto_create = args.auto_create_topics.then_some(args.partitions);
    let broker = Options { port: args.port, storage: broker_storage, auto_create, ..Options::default() };
    let broker = Broker::start(broker).await?;
    let kafka = KafkaSettings::try_from(KafkaArgs {
        bootstrap_server: Some(broker.bootstrap_servers()),
        ..KafkaArgs::default()
    })?;
    kafka_client::create_topic::create_topic(&kafka, &args.topic, args.partitions).await?;
    let others = match (args.only_topic, args.function.invoke.http().is_some()) {
        (true, _) => Others::Ignore,
        (false, true) => Others::FunctionStoresOne,
        (false, false) => Others::Store,
    };
    let shared = Shared {
        broker,
        log,
        client: kafka.client_config(),
        readable: lake_args.open_for_reading().await?,
        lake_args,
        lake,
        limits,
        function: args.function,
        selected: args.topic,
        others,
        output,
        progress: Arc::clone(&progress),
    };
    let generation = shared.selected_generation().await?;
    // A new generation of a kept log begins after what earlier generations have.
    let from_first = generation.is_new && generation.stored.iter().any(|&offset| offset > 0);
    let scope = Scope { topic: Some(shared.selected.to_string()), generation: Some(generation.number), from_first };
    let number = generation.number;
    let (function, lab) = shared.prepare(&endpoint, number, args.partitions, args.console.lab).await?;
    let (failures, mut failed) = unbounded_channel();
    let mut topics = Topics::new(shared, failures);
    topics.start_selected(generation, function).await?;
    let sources = Sources { feed: None, event_source: Arc::clone(&progress), line_interval: PLAIN_LINE_INTERVAL };
    let display = Display::start(sources, output);
    if let Some(console) = console.console() {
        console.set_audit_scope(scope, Some(topics.shared.client.clone()));
    }
    if let Some(lab) = &lab {
        let Shared { client, selected, lake_args, .. } = &topics.shared;
        console.set_lab(lab, client, selected.as_str(), number, lake_args);
    }
    console.set_phase(Phase::Running);
    let failure = tokio::select! {
        failure = failed.recv() => failure.map(anyhow::Error::from),
        stored = store(&stop, &mut topics, !args.ephemeral, &console) => stored.err(),
    };
    topics.finish().await;
    display.finish().await;
    print_ended(output, &Stored::from(&progress.counts()));
    print_not_stored(&topics, args.ephemeral);
    topics.shared.broker.stop().await?;
    match failure.or_else(|| failed.try_recv().ok().map(anyhow::Error::from)) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Stores every topic until `stop`, then the rest of the records.
async fn store(stop: &CancellationToken, topics: &mut Topics, is_kept: bool, console: &Served) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(DISCOVERY_INTERVAL);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        topics.discover().await;
    }
    console.set_phase(Phase::Stopping);
    drain(topics, is_kept).await
}

impl Shared {
    /// Writes the settings of the selected topic's function, prints where everything is, and returns the function, and
    /// what the lab needs of it.
    async fn prepare(
        &self,
        endpoint: &Endpoint,
        generation: u32,
        partitions: u32,
        lab: bool,
    ) -> anyhow::Result<(Arc<dyn Function>, Option<Arc<LabFunction>>)> {
        let Shared { broker, log, lake_args, lake, selected, output, .. } = self;
        let config = lake.sink_config(lake_args, selected.as_str(), Some(generation)).await?;
        let env_file = lake_args.dir.join("sink.env");
        std::fs::write(&env_file, environment(endpoint, &config))
            .with_context(|| format!("failed to write {}", env_file.display()))?;
        let location = lake_args.dir.join(&lake.bucket).display().to_string();
        let (function, lab) = match self.function.invoke.http() {
            Some(_) if lab => bail!("--lab breaks the sink in this process: leave out --function"),
            Some(function) => (function, None),
            None => {
                let SinkInProcess { function, lab } = SinkInProcess::new(lake, config, lab);
                (function, lab)
            }
        };
        let counted = counted(partitions.into(), "partition", "partitions");
        let kept = log.as_ref().map_or("in memory".to_owned(), |log| format!("log in {}", log.display()));
        output.stage("broker", &format!("{}, topic {selected} with {counted}, {kept}", broker.bootstrap_servers()));
        output.stage(
            "s3",
            &format!("{}, bucket {}, credentials {ACCESS_KEY} / {SECRET_KEY}", endpoint.url(), lake.bucket),
        );
        output.stage("function", &function.to_string());
        output.stage("lake", &location);
        output.stage("settings", &env_file.display().to_string());
        output.stage("up", "press Ctrl-C to stop");
        output.event(
            "started",
            json!({"broker": broker.bootstrap_servers(), "topic": selected.as_str(), "partitions": partitions,
                   "s3": endpoint.url(), "bucket": lake.bucket, "function": function.to_string(), "lake": location,
                   "settings": env_file}),
        );
        Ok((function, lab))
    }
}

/// Prints the topics with records that are not stored.
fn print_not_stored(topics: &Topics, is_ephemeral: bool) {
    let output = topics.shared.output;
    let then = if is_ephemeral { "are lost" } else { "remain in the broker" };
    for (topic, records) in topics.not_stored() {
        let counted = counted(records, "record", "records");
        output.stage("skipped", &format!("{counted} of the topic {topic} {then}"));
        output.event("skipped", json!({"topic": topic, "records": records}));
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
