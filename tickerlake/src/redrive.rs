//! `tickerlake redrive`: invokes the function again with the batches in an on-failure destination.

use std::process::ExitCode;

use clap::Args;
use event_source::function::Report;
use event_source::location::Location;
use event_source::redrive::{DEFAULT_RETRIES, REDRIVEN, Redrive, Summary};
use serde_json::json;
use terminal::exit_code::INTERRUPTED;
use terminal::numbers::grouped;
use terminal::signal::stop_on_signal;

use crate::output::{Format, Output};
use crate::progress::status::report_text;
use crate::trigger::args::{FunctionArgs, InvokeArgs, open};
use terminal::numbers::counted;

#[derive(Args, Debug)]
/// Invoke the function again with the batches in an on-failure destination
#[command(after_help = "\
SOURCE is the folder or S3 prefix that `tickerlake trigger --on-failure`, or Lambda's on-failure
destination in S3, wrote to. Each file contains the event of one batch. The function is invoked with
these events, ordered by topic, partition and first offset; no broker is needed.

A file whose event the function processed is renamed to *.redriven and skipped from then on. Files
whose event failed, and files that are unreadable or not dead letters, are left in place. Ctrl-C stops
after the current file.

Without --function the events go to the sink in this process, which reads its settings from the
function's variables (SINK_BUCKET, SINK_PREFIX, ...) and AWS's (AWS_REGION, AWS_ENDPOINT_URL_S3, ...).
For batches that `tickerlake up` discarded, set SINK_TOPIC_GENERATION to the topic's generation at that
time, SINK_FIELD_NAMES=ignore-case, and SINK_METADATA to its value at that time.

Examples:
  SINK_BUCKET=my-lake tickerlake redrive ./given-up
  SINK_BUCKET=my-lake tickerlake redrive s3://my-lake-failures/quotes
  tickerlake redrive ./given-up --maximum-retry-attempts 0 \\
    --function http://localhost:9000/2015-03-31/functions/sink/invocations

Exit codes: 0 all events processed, 1 some failed, 2 wrong usage, 3 all events processed, but SOURCE
has files that are unreadable or not dead letters, 130 stopped by Ctrl-C before the last file,
or aborted by a second Ctrl-C.")]
pub struct RedriveArgs {
    /// Folder or S3 prefix with the batches
    #[arg(value_name = "SOURCE")]
    source: Location,
    #[command(flatten)]
    invoke: InvokeArgs,
    /// Maximum number of retries of an event, up to 10000; -1 retries until the function succeeds
    #[arg(long, value_name = "N", default_value_t = i64::from(DEFAULT_RETRIES), allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(-1..=10_000), help_heading = "Function")]
    maximum_retry_attempts: i64,
    /// Format of the output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
}

impl RedriveArgs {
    /// Converts the arguments of `trigger --redrive`, which is deprecated.
    pub(crate) fn from_trigger(source: Location, function: FunctionArgs, format: Format) -> Self {
        let retries = function.maximum_retry_attempts.unwrap_or_else(|| DEFAULT_RETRIES.into());
        RedriveArgs { source, invoke: function.invoke, maximum_retry_attempts: retries, format }
    }
}

/// Runs the command.
///
/// # Errors
/// If the source cannot be listed or a setting is invalid.
pub async fn redrive(args: RedriveArgs) -> anyhow::Result<ExitCode> {
    let output = Output { format: args.format };
    let redrive = Redrive {
        source: open(args.source).await?,
        function: args.invoke.function_or_sink().await?,
        timeout: args.invoke.timeout(),
        retries: u32::try_from(args.maximum_retry_attempts).ok(),
        report_batch_item_failures: args.invoke.report_batch_item_failures(),
    };
    output.stage("redrive", &format!("{} to {}", redrive.source, redrive.function));
    output.event("started", json!({"redrive": redrive.source.to_string(), "function": redrive.function.to_string()}));
    let stop = stop_on_signal();
    let summary = redrive.run(&stop).await?;
    if summary.sink != Report::default() {
        output.stage("stored", &report_text(&summary.sink));
    }
    output.stage("ended", &summary_text(&summary));
    output.event("ended", summary);
    Ok(exit_code(&summary, stop.is_cancelled()))
}

fn exit_code(summary: &Summary, stopped: bool) -> ExitCode {
    match summary {
        Summary { left: 1.., .. } if stopped => ExitCode::from(INTERRUPTED),
        Summary { failed: 1.., .. } | Summary { unmarked: 1.., .. } | Summary { left: 1.., .. } => ExitCode::FAILURE,
        Summary { refused: 1.., .. } => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    }
}

/// Formats a summary as `3 batches redriven (120 records), 0 of them not renamed to *.redriven; left in place: 1
/// failed, 0 not attempted, 2 unreadable or not dead letters`.
fn summary_text(summary: &Summary) -> String {
    let batches = counted(summary.redriven, "batch", "batches");
    let records = counted(summary.records, "record", "records");
    let counts = [summary.unmarked, summary.failed, summary.left, summary.refused];
    let [unmarked, failed, left, refused] = counts.map(grouped);
    format!(
        "{batches} redriven ({records}), {unmarked} of them not renamed to *{REDRIVEN}; left in place: {failed} failed, {left} not attempted, {refused} unreadable or not dead letters"
    )
}
