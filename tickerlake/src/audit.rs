//! `tickerlake audit`: reads every object of a lake and says what is missing and what is there twice.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use kafka_client::args::KafkaArgs;
use kafka_client::settings::{Settings as KafkaSettings, SettingsError};
use kafka_client::topic::Topic;
use lake_audit::{Lost, Report, Scope, check, look};
use rdkafka::ClientConfig;
use serde_json::json;

use crate::lake::LakeArgs;
use crate::repair;
use crate::say::{Format, Say};
/// The exit code when something is missing, twice or damaged.
pub const FOUND: u8 = 4;

/// Reads every object and says, per topic, generation and partition, what is stored, missing and twice.
#[derive(Args, Debug)]
#[command(after_help = "\
Offsets that are in no object are compared with the ledger, which lists what was given up or passed over,
and, with --bootstrap-server, with the broker: what it does not deliver (transaction markers, what
compaction has removed) was never there to be stored. Without it they count as missing. The broker has a
topic's newest generation only, and nothing below its low watermark; the newest that has objects is taken
for it, so name --generation where the broker's has stored nothing yet. The lag is what the broker holds past
the last stored offset; no consumer group is asked. It is asked with the settings that are
given (-X, --config); isolation.level is read_committed unless they say otherwise.
Of each kind of finding 20 are printed, and how many more there are.

Memory: besides the program about 5 MB for the 300,000 offsets around the object at hand, at most 200,000
keys of the listing (longer listings are gone through again), and 9 objects, of which none is read that
has more than 32 MiB; the sink's have less than half.

Examples:
  tickerlake audit
  tickerlake audit --topic quotes -b broker:9092 --bucket my-lake

Exit codes: 0 nothing missing, stored twice or damaged; 1 failed; 2 wrong usage; 4 something is.
`tickerlake repair` rebuilds ledgers that are lost.")]
pub struct AuditArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Deprecated: `tickerlake repair` replaces it
    #[arg(long, hide = true)]
    repair: bool,
    /// How the output is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Which part of the lake to read.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScopeArgs {
    /// Only this topic [default: all]
    #[arg(short, long)]
    topic: Option<Topic>,
    /// Only this generation of the topics [default: all]
    #[arg(long, value_name = "N")]
    generation: Option<u32>,
    /// Ignore the offsets below a partition's first stored one, because the mapping began there
    #[arg(long)]
    from_first: bool,
}

impl From<ScopeArgs> for Scope {
    fn from(args: ScopeArgs) -> Self {
        Scope {
            topic: args.topic.map(|topic| topic.to_string()),
            generation: args.generation,
            from_first: args.from_first,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If the lake cannot be read or the broker does not answer.
pub async fn audit(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let say = Say { format: args.format };
    if args.repair {
        eprintln!("tickerlake: `audit --repair` is deprecated; use `tickerlake repair`");
        return repair::run(args.scope.into(), args.kafka, &args.lake, say).await;
    }
    let (report, _) = read(&args.lake, &args.scope.into(), args.kafka).await?;
    tell(&report, say);
    Ok(exit_code(&report))
}

/// Reads the lake, and compares it with the broker if one is named. Returns the ledgers that are lost, too.
pub(crate) async fn read(lake: &LakeArgs, scope: &Scope, kafka: KafkaArgs) -> anyhow::Result<(Report, Vec<Lost>)> {
    let client = match KafkaSettings::try_from(kafka) {
        Ok(kafka) => Some(kafka.client_config()),
        Err(SettingsError::NoServers) => None,
        Err(error) => return Err(error.into()),
    };
    let read = look(&lake.tables().await?, scope, client.as_ref()).await?;
    if read.0.rows.is_empty() && (scope.topic.is_some() || scope.generation.is_some()) {
        bail!("the lake has neither objects nor ledgers of this topic and generation");
    }
    Ok(read)
}

/// What `run` ends with: the audit of the topic and generation that it has written. True where something was found.
///
/// # Errors
/// As [`check()`].
pub async fn closing(lake: &LakeArgs, scope: &Scope, client: &ClientConfig, say: Say) -> anyhow::Result<bool> {
    let report = check(&lake.tables().await?, scope, Some(client)).await?;
    let found = report.told();
    if !found.is_empty() {
        say.text(format!("\n{found}").as_bytes());
    }
    conclude(&report, say);
    Ok(!report.findings.is_clean())
}

pub(crate) fn tell(report: &Report, say: Say) {
    if report.rows.is_empty() {
        say.text(b"nothing is stored\n");
    } else {
        say.text(report.table().as_bytes());
    }
    if report.findings.kinds().next().is_some() {
        say.text(b"\n");
        say.text(report.told().as_bytes());
    }
    conclude(report, say);
}

/// The closing line; for scripts, all there is.
fn conclude(report: &Report, say: Say) {
    say.text(format!("\naudit: {}\n", report.closing()).as_bytes());
    for row in &report.rows {
        say.event("partition", row);
    }
    for finding in report.shown() {
        say.event("finding", finding);
    }
    for (kind, _, count) in report.findings.kinds() {
        say.event("found", json!({"kind": kind, "count": count, "fault": kind.is_fault(), "remedy": kind.remedy()}));
    }
    say.event("audit", report.sum());
}

pub(crate) fn exit_code(report: &Report) -> ExitCode {
    if report.findings.is_clean() { ExitCode::SUCCESS } else { FOUND.into() }
}
