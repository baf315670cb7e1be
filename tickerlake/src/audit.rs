//! `tickerlake audit`: reads every object of a lake and reports what is missing, stored twice or damaged.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use kafka_client::args::KafkaArgs;
use kafka_client::settings::{Settings as KafkaSettings, SettingsError};
use kafka_client::topic::Topic;
use lake_audit::{Audit, Report, Scope};
use rdkafka::ClientConfig;
use serde_json::json;

use crate::lake::LakeArgs;
use crate::output::{Format, Output};

/// Exit code if something is missing, stored twice or damaged.
pub const FOUND: u8 = 4;

#[derive(Args, Debug)]
/// Read every object and report records that are missing, stored twice or damaged
#[command(after_help = "\
Prints a row for each topic, generation and partition, then the findings, with a remedy below each
kind of finding. At most 20 findings of each kind are printed, followed by the number of others.

Offsets that are in no object are compared with the ledger, which lists offsets that were discarded or
skipped, and, with --bootstrap-server, with the broker: transaction markers and records that
compaction removed are never delivered, so they cannot be stored. Without a broker, such offsets count
as missing. Only the newest generation of a topic can be compared, and only offsets from the broker's
low watermark on. The newest generation in the lake is assumed to be the broker's; use --generation if
the broker's generation has stored nothing yet. The lag is the number of records past the last stored
offset; the offsets of consumer groups are not used. The broker is read with the given settings (-X,
--config); isolation.level is read_committed unless they set it.

Memory: about 5 MB for the 300,000 offsets around the current object, up to 200,000 keys of the
listing (a longer listing is read several times), and up to 9 objects. An object over 32 MiB is not
read; the sink's largest objects are less than half that size.

Examples:
  tickerlake audit
  tickerlake audit --topic quotes -b broker:9092 --bucket my-lake

Exit codes: 0 nothing is missing, stored twice or damaged; 1 failed; 2 wrong usage; 4 something is
missing, stored twice or damaged. `tickerlake repair` rebuilds lost ledgers.")]
pub struct AuditArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Deprecated: use `tickerlake repair`
    #[arg(long, hide = true)]
    pub(crate) repair: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) kafka: KafkaArgs,
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
}

/// Arguments that select a part of the lake.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScopeArgs {
    /// Read only this topic [default: all]
    #[arg(short, long)]
    topic: Option<Topic>,
    /// Read only this generation of the topics [default: all]
    #[arg(long, value_name = "N")]
    generation: Option<u32>,
    /// Ignore offsets below a partition's first stored offset, because the event source started there
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
/// If the lake cannot be read or the broker does not respond.
pub async fn audit(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let Audit { report, .. } = read(&args.lake, &args.scope.into(), args.kafka).await?;
    print(&report, Output { format: args.format });
    Ok(exit_code(&report))
}

/// Audits the scope, and compares it with the broker if one is given.
pub(crate) async fn read(lake: &LakeArgs, scope: &Scope, kafka: KafkaArgs) -> anyhow::Result<Audit> {
    let client = match KafkaSettings::try_from(kafka) {
        Ok(kafka) => Some(kafka.client_config()),
        Err(SettingsError::NoServers) => None,
        Err(error) => return Err(error.into()),
    };
    let audit = lake_audit::audit(&lake.open_for_reading().await?, scope, client.as_ref()).await?;
    let has_findings = audit.report.findings.kinds().next().is_some();
    if audit.report.rows.is_empty() && !has_findings && scope.topic.is_none() && client.is_some() {
        bail!("the lake is empty, so there are no topics to compare with the broker; select one with --topic");
    }
    if audit.report.rows.is_empty() && !has_findings && (scope.topic.is_some() || scope.generation.is_some()) {
        bail!("no object or ledger in the lake matches --topic and --generation");
    }
    Ok(audit)
}

/// Audits the objects that `run` has written, and prints the findings and the closing line. Returns the report.
///
/// # Errors
/// If the lake cannot be read or the broker does not respond.
pub async fn print_closing(
    lake: &LakeArgs,
    scope: &Scope,
    client: &ClientConfig,
    output: Output,
) -> anyhow::Result<Report> {
    let Audit { report, .. } = lake_audit::audit(&lake.open_for_reading().await?, scope, Some(client)).await?;
    let findings = report.findings_text();
    if !findings.is_empty() {
        output.text(format!("\n{findings}").as_bytes());
    }
    print_end(&report, output);
    Ok(report)
}

pub(crate) fn print(report: &Report, output: Output) {
    if report.rows.is_empty() {
        output.text(b"nothing is stored\n");
    } else {
        output.text(report.table().as_bytes());
    }
    if report.findings.kinds().next().is_some() {
        output.text(b"\n");
        output.text(report.findings_text().as_bytes());
    }
    print_end(report, output);
}

/// Prints the closing line as text, or the whole report as JSON lines.
fn print_end(report: &Report, output: Output) {
    output.text(format!("\naudit: {}\n", report.closing_line()).as_bytes());
    for row in &report.rows {
        output.event("partition", row);
    }
    for finding in report.shown() {
        output.event("finding", finding);
    }
    for (kind, _, count) in report.findings.kinds() {
        output.event("found", json!({"kind": kind, "count": count, "fault": kind.is_fault(), "remedy": kind.remedy()}));
    }
    output.event("audit", report.total());
}

pub(crate) fn exit_code(report: &Report) -> ExitCode {
    if report.findings.is_clean() { ExitCode::SUCCESS } else { FOUND.into() }
}
