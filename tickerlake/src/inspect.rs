//! `tickerlake inspect`: shows how files would be read.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use producer::cli::args::FeedArgs;
use producer::feed::Feed;
use producer::inspect::inspect as inspect_feed;

use terminal::arguments::command_line;

use crate::output::Format;

#[derive(Args, Debug)]
/// Show how CSV files would be read: the reading plan, the reasons for it, and the first records
#[command(after_help = "\
Nothing is sent. The same options change how `run` and `producer` read the files.

Examples:
  tickerlake inspect AAPL.csv
  tickerlake inspect export.csv --date-format dmy --decimal comma
  tickerlake inspect *.csv --records 1 --format json

Exit codes: 0 every file can be read, 1 a file cannot be read or needs more options,
2 wrong usage.")]
pub struct InspectArgs {
    #[command(flatten)]
    feed: FeedArgs,
    /// Number of records to show of each file
    #[arg(long, value_name = "N", default_value = "3", help_heading = "Output")]
    records: usize,
    /// Format of the output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// If a file cannot be read, or standard output cannot be written.
pub fn inspect(args: InspectArgs) -> anyhow::Result<ExitCode> {
    let feed = Feed::try_from(FeedArgs { command: command_line(), ..args.feed })?;
    let inspections = inspect_feed(&feed, args.records)?;
    let mut out = std::io::stdout().lock();
    for (index, inspection) in inspections.iter().enumerate() {
        match args.format {
            Format::Json => writeln!(out, "{}", inspection.to_json())?,
            _ if index > 0 => write!(out, "\n{}", inspection.to_text())?,
            _ => write!(out, "{}", inspection.to_text())?,
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
