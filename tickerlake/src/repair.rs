//! `tickerlake repair`: rebuilds lost ledgers from the objects.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use kafka_client::args::KafkaArgs;
use lake_audit::repair::{Rebuilt, rebuilt, write};
use lake_audit::{LedgerTold, Scope};
use serde_json::json;

use crate::audit::{self, ScopeArgs};
use crate::lake::{FOLDER_BUCKET, LakeArgs};
use crate::say::{Format, Say};
use terminal::numbers::counted;

/// Rebuild lost ledgers from the objects
#[derive(Args, Debug)]
#[command(after_help = "\
Without its ledger the function stores no more records of a partition. This command reads every object, as
`tickerlake audit` does, and writes a ledger for each partition that has objects and no ledger: `next` is one
past the greatest stored offset, and missing offsets below it become gaps. It never overwrites a ledger. Then
it prints the audit.

Before you run it, stop everything that delivers to the topic: disable the event source, and end `trigger`,
`up` and `run`. Give it the function's own SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD, since
a ledger records them. Records that were stored past the greatest offset that is left are not visible in the
objects; with --bootstrap-server they appear as lag.

Examples:
  tickerlake repair
  tickerlake repair --topic quotes
  SINK_COMPRESSION=zstd tickerlake repair --topic quotes -b broker:9092 --bucket my-lake

Exit codes: 0 every ledger exists and nothing is missing, stored twice or damaged; 1 failed, or a ledger
could not be rebuilt; 2 wrong usage; 4 records are missing, stored twice or damaged.")]
pub struct RepairArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Output format
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
/// If the lake cannot be read or locked, the broker does not answer, or a ledger cannot be rebuilt or written.
pub async fn repair(args: RepairArgs) -> anyhow::Result<ExitCode> {
    run(args.scope.into(), args.kafka, &args.lake, Say { format: args.format }).await
}

pub(crate) async fn run(scope: Scope, kafka: KafkaArgs, lake: &LakeArgs, say: Say) -> anyhow::Result<ExitCode> {
    // A lake that does not exist is reported before its folder is created and locked.
    lake.tables().await?;
    // Locked until the end, so that no other `tickerlake` process writes into the folder meanwhile.
    let writer = lake.open().await?;
    let (mut report, lost) = audit::read(lake, &scope, kafka).await?;
    let config = lake.sink_config(lake.bucket.as_deref().unwrap_or(FOLDER_BUCKET))?;
    let mut refused = Vec::new();
    for lost in &lost {
        match rebuilt(lost, &config.layout) {
            Err(why) => refused.push(why),
            Ok(rebuilt) => {
                write(&writer.client, &writer.bucket, &rebuilt).await?;
                tell(&rebuilt, say);
                report.repaired(lost, &rebuilt);
            }
        }
    }
    audit::tell(&report, say);
    if !refused.is_empty() {
        bail!("not every ledger was rebuilt:\n{}", refused.join("\n"));
    }
    Ok(audit::exit_code(&report))
}

fn tell(rebuilt: &Rebuilt, say: Say) {
    let key = &rebuilt.key;
    let told = LedgerTold::from(&rebuilt.ledger);
    let gaps = counted(told.gaps.len() as u64, "gap", "gaps");
    say.text(format!("rebuilt {key}: next {}, {gaps}\n", told.next).as_bytes());
    say.event("repaired", json!({"key": key, "next": told.next, "gaps": told.gaps}));
}
