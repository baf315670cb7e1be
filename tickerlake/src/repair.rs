//! `tickerlake repair`: rebuilds lost ledgers from the objects.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use kafka_client::args::KafkaArgs;
use lake_audit::repair::{RebuiltLedger, rebuild, write};
use lake_audit::{Audit, LedgerSummary};
use serde_json::json;

use crate::audit::{self, AuditArgs, ScopeArgs};
use crate::lake::{FOLDER_BUCKET, LakeArgs};
use crate::output::{Format, Output};
use terminal::numbers::counted;

#[derive(Args, Debug)]
/// Rebuild lost ledgers from the objects
#[command(after_help = "\
The function stores no more records of a partition whose ledger is lost. This command reads every
object, as `tickerlake audit` does, and writes a ledger for each partition that has objects and no
ledger: `next` is one past the highest stored offset, and missing offsets below it become gaps. It
never overwrites a ledger. Then it prints the audit.

Before you run it, stop everything that stores records of the topic: disable the event source, and
stop `trigger`, `up` and `run`. Set SINK_COMPRESSION, SINK_PARTITION_BY, SINK_PARTITION_FIELD,
SINK_FIELD_NAMES and SINK_METADATA as for the function, because a ledger records them. The objects do
not show whether records were stored past the highest remaining offset; with --bootstrap-server such
records appear as lag.

Examples:
  tickerlake repair
  tickerlake repair --topic quotes
  SINK_COMPRESSION=zstd tickerlake repair --topic quotes -b broker:9092 --bucket my-lake

Exit codes: 0 every ledger exists and nothing is missing, stored twice or damaged; 1 failed, or a
ledger could not be rebuilt; 2 wrong usage; 4 records are missing, stored twice or damaged.")]
pub struct RepairArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Converts the arguments of `audit --repair`, which is deprecated.
impl From<AuditArgs> for RepairArgs {
    fn from(args: AuditArgs) -> Self {
        let AuditArgs { scope, repair: _, format, kafka, lake } = args;
        RepairArgs { scope, format, kafka, lake }
    }
}

/// Runs the command.
///
/// # Errors
/// If the lake cannot be read or locked, the broker does not respond, or a ledger cannot be rebuilt or written.
pub async fn repair(args: RepairArgs) -> anyhow::Result<ExitCode> {
    let (lake, output) = (args.lake, Output { format: args.format });
    // Fail here if the lake does not exist, because opening it for writing would create its folder.
    lake.open_for_reading().await?;
    // The folder is locked until the end, so that no other `tickerlake` process writes into it.
    let writer = lake.open_for_writing().await?;
    let Audit { mut report, lost_ledgers } = audit::read(&lake, &args.scope.into(), args.kafka).await?;
    let config = lake.sink_config(lake.bucket.as_deref().unwrap_or(FOLDER_BUCKET))?;
    let mut failed = Vec::new();
    for lost in &lost_ledgers {
        match rebuild(lost, &config.layout) {
            Err(error) => failed.push(error.to_string()),
            Ok(rebuilt) => {
                write(&writer.client, &writer.bucket, &rebuilt).await?;
                print(&rebuilt, output);
                report.ledger_rebuilt(lost, &rebuilt);
            }
        }
    }
    audit::print(&report, output);
    if !failed.is_empty() {
        bail!("failed to rebuild {}:\n{}", counted(failed.len() as u64, "ledger", "ledgers"), failed.join("\n"));
    }
    Ok(audit::exit_code(&report))
}

fn print(rebuilt: &RebuiltLedger, output: Output) {
    let key = &rebuilt.key;
    let LedgerSummary { next, gaps } = LedgerSummary::from(&rebuilt.ledger);
    let gap_count = counted(gaps.len() as u64, "gap", "gaps");
    output.text(format!("rebuilt {key}: next {next}, {gap_count}\n").as_bytes());
    output.event("repaired", json!({"key": key, "next": next, "gaps": gaps}));
}
