//! `tickerlake trace`: finds a record.

mod answer;

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use lake_audit::trace::{Trace, Wanted, find};
use lake_format::RecordId;

use crate::lake::LakeArgs;
use crate::output::Format;

#[derive(Args, Debug)]
/// Find a record: the object and line that store it, or why it is in the quarantine
#[command(after_help = "\
A record that is stored more than once, or in several generations of its topic, is printed with
each location. If the record is not stored, its neighbours are printed.

Examples:
  tickerlake trace quotes/1/0
  tickerlake trace quotes/1/0 --generation 1 --format json
  tickerlake trace quotes/1/0 --bucket my-lake

Exit codes: 0 found, valid or quarantined; 1 not stored, or failed; 2 wrong usage.")]
pub struct TraceArgs {
    /// Topic, partition and offset of the record
    #[arg(value_name = "TOPIC/PARTITION/OFFSET")]
    record: RecordId,
    /// Search only this generation of the topic [default: all]
    #[arg(long, value_name = "N")]
    generation: Option<u32>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Runs the command.
///
/// # Errors
/// If the lake cannot be read, or standard output cannot be written.
pub async fn trace(args: TraceArgs) -> anyhow::Result<ExitCode> {
    let RecordId { topic, partition, offset } = &args.record;
    let wanted = Wanted { partition: *partition, offset: *offset, generation: args.generation };
    let lake = args.lake.open_for_reading().await?;
    let (text, code) = match find(&lake, topic.as_str(), wanted).await? {
        Trace::Found(locations) => (answer::found(&locations, args.format)?, ExitCode::SUCCESS),
        Trace::Missing(neighbours) => {
            (answer::not_stored(&args.record.to_string(), &neighbours, args.format)?, ExitCode::FAILURE)
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(code)
}
