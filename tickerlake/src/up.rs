//! `tickerlake up`: the parts of the pipeline, kept up for other programs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use event_source::progress::Progress;
use event_source::{Running, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::settings::Settings as KafkaSettings;
use kafka_client::topic::Topic;
use kafka_client::watermarks::last_offsets;
use rdkafka::ClientConfig;
use serde_json::json;
use sink::Sink;
use terminal::signal::stop_on_signal;
use tokio_util::sync::CancellationToken;

use crate::lake::LakeArgs;
use crate::run::BATCH_SIZE;
use crate::say::{Format, Say};
use crate::trigger::LINE_EVERY;
use crate::trigger::args::{BatchArgs, FunctionArgs};
use crate::trigger::sink_function::SinkFunction;
use crate::view::status::Stored;
use crate::view::{View, Watched};
use embedded::broker::Broker;
use embedded::s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY};
use terminal::numbers::counted;

/// How long nothing need be said about what is still to be stored.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Keeps a Kafka-compatible broker, an S3, the trigger and the sink up until Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "\
Then, in other terminals:
  producer -b 127.0.0.1:9092 quotes.csv
  kcat -b 127.0.0.1:9092 -t quotes -C
  tickerlake query --watch 1 'SELECT count(*) FROM quotes'
  cargo lambda watch -p sink --env-file lake/sink.env

Start that again after each start of this: the settings change with the topic's generation.
With that function in place of the sink in this process:
  tickerlake up --function http://localhost:9000/2015-03-31/functions/sink/invocations

The broker keeps its records in memory and forgets them at its end; the lake stays. Ctrl-C stores what
is in the broker before it ends.")]
pub struct UpArgs {
    /// The broker's port on this machine, 0 for any
    #[arg(long, default_value = "9092", help_heading = "Kafka")]
    port: u16,
    /// The topic
    #[arg(short, long, default_value = "quotes", help_heading = "Kafka")]
    topic: Topic,
    /// The topic's partitions
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Kafka")]
    partitions: u32,
    #[command(flatten)]
    batch: BatchArgs,
    #[command(flatten)]
    function: FunctionArgs,
    /// The folder of the lake; its objects are plain files below DIR/tickerlake/data
    #[arg(long, value_name = "DIR", default_value = "./lake", help_heading = "Lake")]
    dir: PathBuf,
    /// The S3's port on this machine, 0 for any
    #[arg(long, default_value = "9900", help_heading = "Lake")]
    s3_port: u16,
    /// How the output is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
}

/// Runs the command until Ctrl-C.
///
/// # Errors
/// When a port or the folder cannot be had, or the trigger fails.
pub async fn up(args: UpArgs) -> anyhow::Result<()> {
    let stop = stop_on_signal();
    let lake_args = LakeArgs { dir: args.dir, bucket: None, prefix: std::env::var("SINK_PREFIX").ok() };
    let lake = lake_args.open().await?;
    let storage = lake.storage.clone().context("a folder is served by the embedded S3")?;
    let endpoint = storage.serve(args.s3_port).await?;
    let broker = Broker::start(args.port).await?;
    let kafka = KafkaSettings::try_from(KafkaArgs {
        bootstrap_server: Some(broker.bootstrap_servers()),
        ..KafkaArgs::default()
    })?;
    kafka_client::create_topic::create_topic(&kafka, &args.topic, args.partitions).await?;
    let config = lake.sink_config(&lake_args, args.topic.as_str(), true).await?;
    let env_file = lake_args.dir.join("sink.env");
    std::fs::write(&env_file, environment(&endpoint, &config))
        .with_context(|| format!("{} cannot be written", env_file.display()))?;

    let say = Say { format: args.format };
    let place = lake_args.dir.join(&lake.bucket).display().to_string();
    let function = args.function.invoke.http();
    let function = function.unwrap_or_else(|| Arc::new(SinkFunction::new(Sink::new(config, lake.client.clone()))));
    let partitions = counted(args.partitions.into(), "partition", "partitions");
    say.stage("broker", &format!("{}, topic {} with {partitions}", broker.bootstrap_servers(), args.topic));
    say.stage("s3", &format!("{}, bucket {}, credentials {ACCESS_KEY} / {SECRET_KEY}", endpoint.url(), lake.bucket));
    say.stage("function", &function.to_string());
    say.stage("lake", &place);
    say.stage("settings", &env_file.display().to_string());
    say.stage("up", "Ctrl-C ends it");
    say.event(
        "started",
        json!({"broker": broker.bootstrap_servers(), "topic": args.topic.as_str(), "partitions": args.partitions,
               "s3": endpoint.url(), "bucket": lake.bucket, "function": function.to_string(), "lake": place,
               "settings": env_file}),
    );
    let topics = vec![args.topic.to_string()];
    let mut settings = Settings::new(kafka.client_config(), topics, "tickerlake", args.batch.limits(BATCH_SIZE));
    args.function.apply(&mut settings).await?;
    let progress = Arc::new(Progress::default());
    let client = settings.client.clone();
    let mut running = Running::start(settings, function, Arc::clone(&progress))?;
    let view = View::start(Watched { fed: None, trigger: Arc::clone(&progress), line_every: LINE_EVERY }, say);
    let done = tokio::select! {
        failed = running.failure() => Err(failed),
        () = drain(&stop, &broker, client, &args.topic, &progress) => running.finish().await,
    };
    view.end().await;
    say.ended(&Stored::from(&progress.counts()));
    done
}

/// Waits for `stop`, and then until what the broker holds is stored, since the broker forgets it. It takes no
/// more records from then on, and what it was just taking is looked for once more.
async fn drain(stop: &CancellationToken, broker: &Broker, client: ClientConfig, topic: &Topic, progress: &Progress) {
    stop.cancelled().await;
    broker.close();
    let mut stored = Vec::new();
    loop {
        let (client, name) = (client.clone(), topic.to_string());
        let last = tokio::task::spawn_blocking(move || last_offsets(&client, &name)).await;
        let last = match last.map_err(anyhow::Error::from).and_then(|last| Ok(last?)) {
            Ok(last) => last,
            Err(error) => return tracing::warn!("whether everything is stored is not known: {error}"),
        };
        if last == stored {
            return;
        }
        store_up_to(&last, topic, progress).await;
        stored = last;
    }
}

async fn store_up_to(last: &[(i32, i64)], topic: &Topic, progress: &Progress) {
    let stored = async {
        for (partition, offset) in last {
            progress.stored(topic.as_str(), *partition, *offset).await;
        }
    };
    tokio::pin!(stored);
    if tokio::time::timeout(AT_ONCE, &mut stored).await.is_err() {
        let records: i64 = last.iter().map(|(_, offset)| offset + 1).sum();
        let left = u64::try_from(records).unwrap_or(0).saturating_sub(progress.counts().records);
        let left = counted(left, "record", "records");
        tracing::warn!("{left} in the broker not stored yet: waiting; another Ctrl-C ends at once and loses them");
        stored.await;
    }
}

/// What the function needs to write to this S3, as `cargo lambda watch --env-file` reads it.
fn environment(endpoint: &Endpoint, config: &sink::Config) -> String {
    let aws = [
        ("AWS_ENDPOINT_URL_S3", endpoint.url()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
    ];
    aws.into_iter().chain(config.to_variables()).map(|(name, value)| format!("{name}={value}\n")).collect()
}
