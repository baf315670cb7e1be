//! `tickerlake run`: from CSV files to query results in one command.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use console::Phase;
use embedded_broker::{Broker, Options, Storage};
use event_source::function::InvokeError;
use event_source::progress::{Counts, Progress};
use event_source::{EventSource, Failure, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::create_topic::Created;
use kafka_client::settings::{Settings as KafkaSettings, SettingsError};
use kafka_client::topic::Topic;
use lake_audit::{Report, Scope};
use lake_query::{RecordBatch, Session};
use producer::cli::args::FeedArgs;
use producer::delivery::output::Target;
use producer::feed::Feed;
use producer::feed::input::Input;
use producer::report::summary::Summary;
use producer::run::run_in_background;
use rdkafka::ClientConfig;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use sink::storage::Rejection;
use sink::{BatchError, Cause};
use tempfile::TempDir;
use terminal::arguments::command_line;
use terminal::exit_code::INTERRUPTED;
use terminal::signal::stop_on_signal;
use tokio_util::sync::CancellationToken;

use crate::console::pipeline::LocalPipeline;
use crate::console::serve::{ServeArgs, Served, SinkInProcess};
use crate::lake::{LakeArgs, WritableLake};
use crate::output::{Format, Output};
use crate::progress::status::{removed_text, report_text};
use crate::progress::{Display, Sources};
use crate::sql::{DEFAULT_TOPIC, MAX_ROWS, SqlArgs, query_command, unmapped_notice};
use crate::trigger::args::BatchArgs;
use crate::{audit, generation, temporary_log};
use terminal::numbers::{counted, grouped};

const SAMPLE: &[u8] = include_bytes!("../../data/us-stocks-sample.csv");

/// Default number of records in a batch of `run` and `up`: Lambda's maximum, because a few large objects are faster to
/// read than many small ones.
pub const BATCH_SIZE: u16 = 10_000;

/// Interval between warnings while delivered records are not stored.
const WAIT_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Maximum number of consecutive failed invocations. When it is reached, the command ends. The pauses between the
/// invocations, which begin at 0.25 s, add up to 16 s.
const MAX_FAILURES: u32 = 7;

/// Minimum time between two plain lines of progress.
const PLAIN_LINE_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
/// Feed CSV files through the whole pipeline: producer, Kafka, event source, sink, objects, SQL
#[command(after_help = "\
Without FILES the built-in sample is fed. Without --bootstrap-server and --bucket everything runs in
this process. A second run over the same folder adds to it; query it with `tickerlake query`. The
first 20 rows of each result are printed.
The console's URL is printed first. The page is available until the command ends; with --open or --stay
the command runs until Ctrl-C.

Ctrl-C ends the feed; delivered records are stored, and the queries are run. Ctrl-C during the
queries ends them. At the end every object of this topic and generation is audited, as by
`tickerlake audit`.

Examples:
  tickerlake run
  tickerlake run --open
  tickerlake run indexProcessed.csv --partitions 8
  tickerlake run --order sample --rate 50 --repeat forever
  tickerlake run -b broker:9092 --bucket my-lake quotes.csv.gz

Exit codes: 0 all rows stored, 1 failed, 2 wrong usage, 3 stored, but rows were rejected,
4 the audit found something missing, stored twice or damaged,
130 interrupted before the last row or during the queries, with all delivered records stored, or
aborted by a second Ctrl-C.")]
pub struct RunArgs {
    #[command(flatten)]
    feed: FeedArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Topic to feed
    #[arg(short, long, default_value = DEFAULT_TOPIC, help_heading = "Kafka")]
    topic: Topic,
    /// Number of partitions if the topic is created
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Kafka")]
    partitions: u32,
    /// Consumer group on an existing broker
    #[arg(long, value_name = "ID", default_value = "tickerlake", help_heading = "Kafka")]
    consumer_group_id: String,
    #[command(flatten)]
    batch: BatchArgs,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    sql: SqlArgs,
    /// Keep the console running until Ctrl-C after everything is stored
    #[arg(long, conflicts_with = "no_console", help_heading = "Console")]
    stay: bool,
    #[command(flatten)]
    console: ServeArgs,
    /// Format of the output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// If a stage fails. Objects that were already stored remain.
pub async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let sample = Input::Bytes { name: "the built-in sample", bytes: SAMPLE };
    let feed = Feed::or_sample(FeedArgs { command: command_line(), ..args.feed }, sample)?;
    let stop = stop_on_signal();
    if args.console.lab && (args.lake.bucket.is_some() || KafkaSettings::try_from(args.kafka.clone()).is_ok()) {
        bail!(
            "--lab breaks a pipeline on purpose, so it needs the embedded broker and a folder: leave out --bootstrap-server and --bucket"
        );
    }
    let lake = args.lake.open_for_writing().await?;
    let output = Output { format: args.format };
    let limits = args.batch.limits(BATCH_SIZE);
    let progress = Arc::new(Progress::default());
    let fed = Arc::new(producer::report::progress::Progress::default());
    let (feed_progress, event_source) = (Some(Arc::clone(&fed)), Arc::clone(&progress));
    let shown = LocalPipeline { feed: feed_progress, event_source, limits, topic: args.topic.to_string() };
    let console = args.console.start(args.topic.as_str(), &args.lake, Some(args.sql), shown, output);
    let (kafka, broker) = broker(args.kafka, &args.lake).await?;
    let created = kafka_client::create_topic::create_topic(&kafka, &args.topic, args.partitions).await?;
    let (topic, kind) = (args.topic.to_string(), if broker.is_some() { "embedded, " } else { "" });
    let topic_text = match created {
        Created::New => {
            format!("topic {topic} with {}", counted(args.partitions.into(), "partition", "partitions"))
        }
        Created::Existed => format!("existing topic {topic}"),
    };
    output.stage("broker", &format!("{kind}{}, {topic_text}", kafka.servers()));

    // The embedded broker begins empty, so its topic begins at offset 0.
    let generation = match &broker {
        Some(_) => Some(generation::next(&args.lake.open_for_reading().await?, &topic).await?),
        None => None,
    };
    let config = lake.sink_config(&args.lake, &topic, generation).await?;
    let (location, generation) = (location(&args.lake, &lake), config.layout.generation);
    output.stage("lake", &format!("{location}, {}", generation_text(generation)));
    output.event(
        "started",
        json!({"broker": kafka.servers(), "embedded_broker": broker.is_some(), "topic": topic,
               "lake": location, "generation": generation}),
    );
    let (client, group) = (kafka.client_config(), &args.consumer_group_id);
    let settings = Settings::new(client.clone(), vec![topic.clone()], group, limits);
    let SinkInProcess { function, lab } = SinkInProcess::new(&lake, config, args.console.lab);
    if let Some(lab) = &lab {
        console.set_lab(lab, &client, &topic, generation, &args.lake);
    }
    let event_source = EventSource::start(settings, function, Arc::clone(&progress))?;

    console.set_phase(Phase::Feeding);
    let sources = Sources {
        feed: Some(Arc::clone(&fed)),
        event_source: Arc::clone(&progress),
        line_interval: PLAIN_LINE_INTERVAL,
    };
    let display = Display::start(sources, output);
    let target = Target::Kafka { settings: kafka, topic: args.topic };
    // The lab acts on the pipeline until Ctrl-C.
    let is_lab_open = lab.is_some() && (args.stay || args.console.open);
    let pipeline = Pipeline {
        target,
        event_source,
        goes_on: is_lab_open,
        group: args.consumer_group_id,
        fed,
        progress: Arc::clone(&progress),
        console: &console,
    };
    let stored = pipeline.feed_and_store(feed, stop.clone(), broker.is_some(), output).await;
    display.finish().await;
    let (summary, running) = stored?;

    let Counts { batches, records, failures, removed, report, .. } = progress.counts();
    output.event("fed", &summary);
    output.event(
        "stored",
        json!({"records": records, "batches": batches, "failed_invocations": failures, "removed": removed, "sink": report}),
    );
    let records = counted(records, "record", "records");
    let failures = counted(failures, "failed invocation", "failed invocations");
    let (batches, removed) = (counted(batches, "batch", "batches"), removed_text(removed));
    output.stage("trigger", &format!("{records} in {batches}, {failures}{removed}"));
    output.stage("sink", &report_text(&report));
    // With the embedded broker, each generation begins at offset 0.
    let scope = Scope { topic: Some(topic), generation: Some(generation), from_first: broker.is_none() };
    console.set_phase(Phase::Checking);
    if let Some(console) = console.console() {
        console.set_audit_scope(scope.clone(), Some(client.clone()));
    }
    // A Ctrl-C that ended the feed does not stop the report.
    let stop = if stop.is_cancelled() { CancellationToken::new() } else { stop };
    let reported = stop.run_until_cancelled(print_report(&args.lake, &args.sql, &scope, &client, output)).await;
    let Some(audited) = reported else {
        finish(running).await?;
        output.stage("sql", "stopped; all delivered records are stored, but not all queries were run");
        return Ok(INTERRUPTED.into());
    };
    let (report, elapsed) = audited?;
    console.set_phase(if running.is_some() { Phase::Running } else { Phase::Finished });
    if let Some(console) = console.console() {
        console.show_audit(&report, elapsed);
        if args.stay || args.console.open {
            output.stage("console", &format!("{} stays open; press Ctrl-C to stop", console.url()));
            stop.cancelled().await;
        }
    }
    finish(running).await?;
    Ok(if report.findings.is_clean() { summary.exit_code() } else { audit::FOUND }.into())
}

/// Prints the results of the saved queries and the result of the audit. Returns the audit's report and duration.
async fn print_report(
    lake: &LakeArgs,
    sql: &SqlArgs,
    scope: &Scope,
    client: &ClientConfig,
    output: Output,
) -> anyhow::Result<(Report, Duration)> {
    let topic = scope.topic.as_deref().unwrap_or_default();
    let readable = lake.open_for_reading().await?;
    if let Some(notice) = unmapped_notice(lake, &readable, topic).await? {
        output.stage("sql", &notice);
        output.event("notice", json!({"text": notice}));
    }
    let session = sql.open(&readable, topic).await?;
    let command = |query: &str| query_command(lake, topic, query);
    print_answers(&session, output, command).await?;
    print_quality(&session, output, command).await?;
    let began = Instant::now();
    let report = audit::print_closing(lake, scope, client, output).await;
    let report = report.context("all delivered records are stored, but the lake could not be audited")?;
    Ok((report, began.elapsed()))
}

/// Everything between the CSV files and the lake.
struct Pipeline<'a> {
    target: Target,
    event_source: EventSource,
    group: String,
    fed: Arc<producer::report::progress::Progress>,
    progress: Arc<Progress>,
    console: &'a Served,
    /// Whether the event source goes on after the feed.
    goes_on: bool,
}

/// Ends an event source that went on after the feed. Its current invocation is completed first.
async fn finish(running: Option<EventSource>) -> anyhow::Result<()> {
    match running {
        Some(event_source) => Ok(event_source.finish().await?),
        None => Ok(()),
    }
}

impl Pipeline<'_> {
    /// Feeds the rows, and waits until all delivered records are stored. Returns the event source if it goes on.
    async fn feed_and_store(
        mut self,
        feed: Feed,
        stop: CancellationToken,
        embedded_broker: bool,
        output: Output,
    ) -> anyhow::Result<(Summary, Option<EventSource>)> {
        let Target::Kafka { topic, .. } = &self.target else {
            bail!("internal error: a run has no Kafka target (this is a bug)")
        };
        let topic = topic.to_string();
        let summary = match run_in_background(feed, self.target, Arc::clone(&self.fed), stop.clone()).await {
            Ok(summary) => summary,
            Err(error) => {
                let delivered = self.fed.snapshot().delivered;
                // An existing broker keeps the records for the next run; the embedded one loses them with this process.
                if embedded_broker {
                    tokio::select! {
                        () = self.progress.stored_records(delivered) => {}
                        failure = self.progress.unrecovered(MAX_FAILURES, is_final) => {
                            let records = self.progress.counts().records;
                            return Err(unstored(&failure, records, delivered, embedded_broker).context(error));
                        }
                        failed = self.event_source.failure() => {
                            let failed = anyhow::Error::from(failed);
                            return Err(failed.context(format!("{error}; then the event source failed")));
                        }
                    }
                    // Stop the event source before the broker; otherwise it logs errors about the missing broker.
                    self.event_source.finish().await?;
                }
                return Err(match delivered {
                    0 => error.into(),
                    _ => anyhow::Error::from(error).context(format!(
                        "the feed failed after delivering {}",
                        counted(delivered, "record", "records")
                    )),
                });
            }
        };
        self.console.set_phase(Phase::Storing);
        for line in summary.to_text().lines() {
            output.stage("producer", line);
        }
        // A Ctrl-C that ended the feed does not stop delivered records from being stored.
        let stop = if stop.is_cancelled() { CancellationToken::new() } else { stop };
        tokio::select! {
            () = stored(&self.progress, &topic, &self.group, embedded_broker, &summary) => {}
            failure = self.progress.unrecovered(MAX_FAILURES, is_final) => {
                return Err(unstored(&failure, self.progress.counts().records, summary.delivered, embedded_broker));
            }
            failed = self.event_source.failure() => {
                let failed = anyhow::Error::from(failed);
                return Err(failed.context("the event source failed before all delivered records were stored"));
            }
            () = stop.cancelled() => {
                let records = self.progress.counts().records;
                bail!("stopped after {records} of {} delivered records were stored", summary.delivered)
            }
        }
        if self.goes_on {
            return Ok((summary, Some(self.event_source)));
        }
        self.event_source.finish().await?;
        Ok((summary, None))
    }
}

/// The broker of this process, and the folder of its log, which is removed with it.
struct EmbeddedBroker {
    _broker: Broker,
    _log: TempDir,
}

/// Returns the settings of the given broker, or starts the embedded one if no broker is given.
async fn broker(mut args: KafkaArgs, lake: &LakeArgs) -> anyhow::Result<(KafkaSettings, Option<EmbeddedBroker>)> {
    match KafkaSettings::try_from(args.clone()) {
        Err(SettingsError::NoServers) => {
            let parent = if lake.bucket.is_some() { std::env::temp_dir() } else { lake.dir.clone() };
            let log = temporary_log::create(&parent)?;
            let storage = Storage::Folder(log.path().to_owned());
            let broker = Broker::start(Options { port: 0, storage, ..Options::default() }).await?;
            args.bootstrap_server = Some(broker.bootstrap_servers());
            Ok((KafkaSettings::try_from(args)?, Some(EmbeddedBroker { _broker: broker, _log: log })))
        }
        named => Ok((named?, None)),
    }
}

fn location(args: &LakeArgs, lake: &WritableLake) -> String {
    match &args.bucket {
        Some(bucket) => format!("s3://{bucket}"),
        None => args.dir.join(&lake.bucket).display().to_string(),
    }
}

fn generation_text(generation: u32) -> String {
    match generation {
        0 => "the topic's first generation".to_owned(),
        generation => format!("generation {generation} of the topic"),
    }
}

/// Returns `true` if retrying a failed invocation cannot help: the server does not honour conditional writes.
fn is_final(failure: &Failure) -> bool {
    let Failure::Invoke(InvokeError::Function(error)) = failure else { return false };
    let Some(BatchError::Partitions(errors)) = error.downcast_ref() else { return false };
    errors.iter().any(|error| matches!(error.cause, Cause::Rejected(Rejection::ConditionIgnored(_))))
}

/// Returns the error for records that the sink failed to store.
fn unstored(failure: &Failure, stored: u64, delivered: u64, embedded_broker: bool) -> anyhow::Error {
    let failure = match failure {
        Failure::Invoke(InvokeError::Function(error)) => match error.downcast_ref() {
            // Every partition has this reason.
            Some(BatchError::Partitions(errors)) if is_final(failure) => {
                errors.first().map_or_else(|| error.to_string(), |error| error.cause.to_string())
            }
            _ => error.to_string(),
        },
        other => other.to_string(),
    };
    let rest = if embedded_broker { "; fix the cause and feed the files again" } else { "" };
    anyhow!("{} of {} were stored: {failure}{rest}", grouped(stored), counted(delivered, "record", "records"))
}

/// Waits until every record that the broker confirmed is stored: until both the number of stored records and the last
/// stored offset of each partition have reached the confirmed ones.
async fn stored(progress: &Progress, topic: &str, group: &str, embedded_broker: bool, summary: &Summary) {
    let all = async {
        for (&partition, delivery) in &summary.partitions {
            progress.stored(topic, partition, delivery.last_offset).await;
        }
        progress.stored_records(summary.delivered).await;
    };
    let warn = async {
        loop {
            tokio::time::sleep(WAIT_WARNING_INTERVAL).await;
            let (stored, delivered) = (progress.counts().records, summary.delivered);
            if embedded_broker || progress.is_failing() {
                tracing::warn!(stored, delivered, "waiting for delivered records to be stored");
            } else {
                tracing::warn!(
                    stored,
                    delivered,
                    group,
                    "waiting for delivered records to be stored; another member of the group may have received some of them"
                );
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = warn => {}
    }
}

/// Prints the results of the queries in `queries/`; in text, at most [`MAX_ROWS`] rows of each result. `command`
/// returns the command that prints all rows. If a query fails, the others still run.
async fn print_answers(session: &Session, output: Output, command: impl Fn(&str) -> String) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for query in lake_query::queries() {
        let mut answer = Answer { query: query.name, title: query.title, rows: None, error: None };
        let mut text = format!("\n{} (queries/{}.sql)\n", query.title, query.name).into_bytes();
        match lake_query::execute(session, query.sql).await {
            Ok(rows) if output.format == Format::Json => answer.rows = Some(json_rows(&rows)?),
            Ok(rows) => {
                let (first, more) = lake_query::head(&rows, MAX_ROWS);
                text.extend(lake_query::render(&first, lake_query::Format::Text)?);
                if more > 0 {
                    writeln!(text, "{} more: {}", grouped(more as u64), command(query.name))?;
                }
            }
            Err(error) => {
                writeln!(text, "{error}")?;
                answer.error = Some(error.to_string());
                failed.push(query.name);
            }
        }
        output.text(&text);
        output.event("answer", &answer);
    }
    if !failed.is_empty() {
        bail!("all delivered records are stored, but these queries failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Result of a saved query, as JSON.
#[derive(Serialize)]
struct Answer {
    query: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn json_rows(rows: &[RecordBatch]) -> anyhow::Result<Vec<Box<RawValue>>> {
    let lines = String::from_utf8(lake_query::render(rows, lake_query::Format::Json)?)?;
    Ok(lines.lines().map(|line| RawValue::from_string(line.to_owned())).collect::<Result<_, _>>()?)
}

/// Prints the findings of the queries in `queries/quality/`. They cover the whole lake, including records of earlier
/// runs.
async fn print_quality(session: &Session, output: Output, command: impl Fn(&str) -> String) -> anyhow::Result<()> {
    let answers = lake_query::quality::report(session).await;
    output.text(b"\nData quality (queries/quality/)\n");
    for answer in &answers {
        let more = match answer.findings {
            Some(count @ 2..) => format!("; {} more: {}", grouped(count - 1), command(answer.query)),
            _ => String::new(),
        };
        output.text(format!("{}{more}\n", answer.line).as_bytes());
        output.event("quality", answer);
    }
    let failed: Vec<_> = answers.iter().filter(|answer| answer.error.is_some()).map(|answer| answer.query).collect();
    if !failed.is_empty() {
        bail!("all delivered records are stored, but these queries failed: {}", failed.join(", "));
    }
    Ok(())
}
