//! Runs a feed: checks it, sends its rows, and returns the summary.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::delivery::Flow;
use crate::delivery::error::OutputError;
use crate::delivery::output::{Output, Target};
use crate::feed::{Feed, Order};
use crate::feeder::Feeder;
use crate::preflight;
use crate::report::progress::Progress;
use crate::report::summary::{Simulated, Summary};
use crate::simulate::Simulation;

pub use crate::error::RunError;

/// Sends the feed's records to the target and waits until the broker has confirmed every record.
///
/// Blocks; use [`run_in_background`] in asynchronous code. Before the first record is sent, it creates the reading plan
/// of every file, connects to the topic, and checks that every rejects file is writable. When `shutdown` is cancelled,
/// it reads no more rows and waits until the records that were sent are confirmed.
///
/// # Errors
/// [`RunError`] if an input cannot be read, a file of rejected rows cannot be written, the records cannot be delivered
/// or printed, or the feed cannot be resumed without duplicates.
pub fn run(
    feed: &Feed,
    target: &Target,
    progress: &Arc<Progress>,
    shutdown: CancellationToken,
) -> Result<Summary, RunError> {
    let started = Instant::now();
    let plans = preflight::check_plans(feed, progress, &shutdown)?;
    preflight::set_expected_bytes(feed, progress);
    let output = Output::open(feed, &plans, target, progress, &shutdown)?;
    // This check comes last, because it removes the rejects files of an earlier run.
    let rejects = preflight::prepare_rejects(feed)?;
    let mut feeder = Feeder::new(feed, plans, progress, shutdown, output, rejects);
    let fed = feeder.run();
    let Feeder { output, shutdown, rejects, warnings, simulated, .. } = feeder;
    let flow = match fed {
        Ok(flow) => flow,
        Err(RunError::Output(OutputError::Delivery(error))) => return Err(OutputError::Delivery(error).into()),
        Err(error) => {
            // The rows before the failure are still delivered and counted.
            output.finish(&shutdown)?;
            return Err(error);
        }
    };
    let (partitions, printed) = output.finish(&shutdown)?;
    let mut summary = Summary::new(progress.snapshot(), printed, started.elapsed());
    summary.interrupted = flow == Flow::Stop && shutdown.is_cancelled() && !feed.is_endless();
    summary.partitions = partitions;
    summary.already_in_topic = feed.resume().map(|_| progress.snapshot().already_in_topic);
    summary.dry_run = matches!(target, Target::Lines(_));
    summary.warnings = warnings;
    summary.simulated = feed.simulation().map(|Simulation { seed, .. }| Simulated { seed, ..simulated });
    if let Order::Sample { seed } = feed.order() {
        summary.seed = Some(seed);
    }
    for mut rejects in rejects.into_iter().flatten() {
        summary.rejects.extend(rejects.finish()?.map(PathBuf::from));
    }
    Ok(summary)
}

/// Runs a feed with [`run`] on a separate thread, for asynchronous programs.
///
/// # Errors
/// See [`run`].
///
/// # Panics
/// If the feed panics.
pub async fn run_in_background(
    feed: Feed,
    target: Target,
    progress: Arc<Progress>,
    shutdown: CancellationToken,
) -> Result<Summary, RunError> {
    let done = tokio::task::spawn_blocking(move || run(&feed, &target, &progress, shutdown)).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Repeat;
    use crate::test_feed::{A, TestFeed};
    use std::io::{self, Write};

    #[test]
    fn rows_and_rejects_are_counted() {
        let test = TestFeed::new(&[(
            "x.csv",
            "Symbol,Date,Close\nA,2026-01-01,1\n\n,,\n,2026-01-01,2\nB,2026-01-02,x\nC,2026-01-03,3.",
        )]);
        let (summary, lines) = test.run().expect("a run");
        assert_eq!((summary.read, summary.printed, summary.rejected, summary.blank), (4, 2, 2, 2));
        assert_eq!(summary.delivered, 0, "printed is not delivered");
        assert_eq!(lines[1], r#"{"symbol":"C","trade_date":"2026-01-03","bar":"1d","close":3}"#);
        assert!(summary.warnings[0].contains("line 7 has no line end"), "{:?}", summary.warnings);
        let rejected =
            "line,reason,row\n5,no symbol,\",2026-01-01,2\"\n6,close is not a number: x,\"B,2026-01-02,x\"\n";
        assert_eq!(test.rejects("x.csv.rejects.csv").as_deref(), Some(rejected));
        assert_eq!(summary.rejects, [test.folder.path().join("x.csv.rejects.csv")]);
    }

    #[test]
    fn a_shutdown_ends_the_feed_with_a_summary() {
        let mut test = TestFeed::new(&[A]);
        test.shutdown.cancel();
        let (summary, lines) = test.run().expect("a run");
        assert!(summary.interrupted && lines.is_empty());
        test.args.repeat = Repeat::Forever;
        assert!(!test.run().expect("a run").0.interrupted, "a feed without end is not interrupted");
    }

    #[test]
    fn a_closed_stream_is_not_a_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let test = TestFeed::new(&[A]);
        let feed = Feed::try_from(test.args.clone()).expect("a feed");
        let summary = run(&feed, &Target::lines(Closed), &test.progress, test.shutdown.clone()).expect("no failure");
        assert!(!summary.interrupted);
    }
}
