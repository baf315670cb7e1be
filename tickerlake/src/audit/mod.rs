//! `tickerlake audit`: reads every object of a lake and says what is missing and what is there twice.
//!
//! What is looked at is bounded whatever the number of offsets: `objects` brings the objects into the order of
//! their offsets with a bounded part of the listing at a time, `content` reads one object, and `window` remembers
//! only the offsets around it. `partition` puts these together and compares with the ledger, `holes` says what
//! offsets in no object are, `broker` asks about them, `report` tells, `repair` makes lost ledgers anew.

mod body;
mod broker;
mod check;
mod content;
mod finding;
mod holes;
mod kind;
mod objects;
mod partition;
mod repair;
mod report;
mod row;
mod window;

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use kafka_client::args::KafkaArgs;
use kafka_client::settings::{Settings as KafkaSettings, SettingsError};
use kafka_client::topic::Topic;
use rdkafka::ClientConfig;
use serde_json::json;

use crate::lake::{FOLDER_BUCKET, LakeArgs};
use crate::say::{Format, Say};
use partition::Lost;
use terminal::numbers::counted;

pub use check::{Scope, check};
pub use finding::{Finding, Findings, Place};
pub use kind::Kind;
pub use report::{Report, Sum};
pub use row::{LedgerTold, Row, Watermarks};

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

--repair gives each partition that has objects and no ledger a new one: next is one past the greatest
stored offset, and what is missing before it is listed as gaps. Run it only while no mapping delivers
to the topic (disable the event source, end `trigger`, `up` and `run`), and with the function's own
SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD. It overwrites no ledger. What was stored past the
greatest offset that is left cannot be seen: with --bootstrap-server it shows as lag.

Examples:
  tickerlake audit
  tickerlake audit --topic quotes -b broker:9092 --bucket my-lake
  tickerlake audit --topic quotes --repair

Exit codes: 0 nothing missing, twice or damaged; 1 failed; 2 wrong usage; 4 something is.")]
pub struct AuditArgs {
    /// Only this topic [default: all]
    #[arg(short, long)]
    topic: Option<Topic>,
    /// Only this generation of the topics [default: all]
    #[arg(long, value_name = "N")]
    generation: Option<u32>,
    /// Do not ask for offsets below a partition's first stored one: the mapping began there
    #[arg(long)]
    from_first: bool,
    /// Make the ledgers that are lost from the objects
    #[arg(long)]
    repair: bool,
    /// How the output is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Runs the command.
///
/// # Errors
/// When the lake cannot be read, the broker does not answer, or a ledger cannot be made.
pub async fn audit(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let client = match KafkaSettings::try_from(args.kafka) {
        Ok(kafka) => Some(kafka.client_config()),
        Err(SettingsError::NoServers) => None,
        Err(error) => return Err(error.into()),
    };
    let say = Say { format: args.format };
    let scope = Scope {
        topic: args.topic.map(|topic| topic.to_string()),
        generation: args.generation,
        from_first: args.from_first,
    };
    let lake = args.lake.tables().await?;
    // Held to the end, so that nothing of ours writes into the folder meanwhile.
    let writer = if args.repair { Some(args.lake.open().await?) } else { None };
    let (mut report, lost) = check::look(&lake, &scope, client.as_ref()).await?;
    if report.rows.is_empty() && (scope.topic.is_some() || scope.generation.is_some()) {
        bail!("the lake has neither objects nor ledgers of this topic and generation");
    }
    let mut refused = Vec::new();
    if let Some(writer) = writer {
        let config = args.lake.sink_config(args.lake.bucket.as_deref().unwrap_or(FOLDER_BUCKET))?;
        for lost in &lost {
            match repair::rebuilt(lost, &config) {
                Err(why) => refused.push(why),
                Ok(rebuilt) => {
                    repair::write(&writer.client, &writer.bucket, &rebuilt).await?;
                    repaired(&mut report, lost, &rebuilt, say);
                }
            }
        }
    }
    tell(&report, say);
    if !refused.is_empty() {
        bail!("not every ledger was made anew:\n{}", refused.join("\n"));
    }
    Ok(exit_code(&report))
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

fn repaired(report: &mut Report, lost: &Lost, rebuilt: &repair::Rebuilt, say: Say) {
    let key = &rebuilt.key;
    let told = LedgerTold::from(&rebuilt.ledger);
    let gaps = counted(told.gaps.len() as u64, "gap", "gaps");
    say.text(format!("made anew: {key}: next {}, {gaps}\n", told.next).as_bytes());
    say.event("repaired", json!({"key": key, "next": told.next, "gaps": told.gaps}));
    report.findings.mended(Kind::NoLedger, &lost.place);
    if let Some(row) = report.rows.iter_mut().find(|row| row.place == lost.place) {
        row.ledger = Some(told);
    }
}

fn tell(report: &Report, say: Say) {
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

fn exit_code(report: &Report) -> ExitCode {
    if report.findings.is_clean() { ExitCode::SUCCESS } else { FOUND.into() }
}
