//! `tickerlake trigger --redrive`: what an on-failure destination kept is handed to the function once more.

use std::process::ExitCode;

use event_source::function::Report;
use event_source::on_failure::Place;
use event_source::redrive::{MARK, Summary};
use serde_json::json;
use terminal::exit_code::INTERRUPTED;
use terminal::numbers::grouped;
use terminal::signal::stop_on_signal;

use crate::say::{Say, stored};
use crate::trigger::args::FunctionArgs;
use crate::trigger::function;
use terminal::numbers::counted;

/// Feeds what was given up.
///
/// # Errors
/// When the place cannot be listed, or a setting is wrong.
pub async fn redrive(place: Place, args: &FunctionArgs, say: Say) -> anyhow::Result<ExitCode> {
    let redrive = args.redrive(place, function(args).await?).await;
    say.stage("redrive", &format!("{} to {}", redrive.place, redrive.function));
    say.event("started", json!({"redrive": redrive.place.to_string(), "function": redrive.function.to_string()}));
    let stop = stop_on_signal();
    let summary = redrive.run(&stop).await?;
    if summary.sink != Report::default() {
        say.stage("stored", &stored(&summary.sink));
    }
    say.stage("ended", &text(&summary));
    say.event("ended", summary);
    Ok(exit_code(&summary, stop.is_cancelled()))
}

/// 0 all taken and marked, 1 some not, 3 all but files that are no such documents, 130 stopped before the last.
fn exit_code(summary: &Summary, stopped: bool) -> ExitCode {
    match summary {
        Summary { left: 1.., .. } if stopped => ExitCode::from(INTERRUPTED),
        Summary { failed: 1.., .. } | Summary { unmarked: 1.., .. } | Summary { left: 1.., .. } => ExitCode::FAILURE,
        Summary { refused: 1.., .. } => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    }
}

/// `3 documents redriven (120 records), 0 of them not marked .redriven; as they were: 1 failed, 0 not tried, 2 of another kind`
fn text(summary: &Summary) -> String {
    let documents = counted(summary.redriven, "document", "documents");
    let records = counted(summary.records, "record", "records");
    let counts = [summary.unmarked, summary.failed, summary.left, summary.refused];
    let [unmarked, failed, left, refused] = counts.map(grouped);
    format!(
        "{documents} redriven ({records}), {unmarked} of them not marked {MARK}; as they were: {failed} failed, {left} not tried, {refused} of another kind"
    )
}
