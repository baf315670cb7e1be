//! Runs a feed: inputs to records to a target, with everything counted. The checks before it are in `checks.rs`, the
//! way of the rows is in `runner.rs`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::cli::args::Repeat;
use crate::delivery::output::{Flow, Outlet};
use crate::delivery::sender::DeliveryError;
use crate::encode::record_encoder::Reject;
use crate::feed::input::Input;
use crate::feed::source::{Source, SourceError};
use crate::feed::{Feed, Order};
use crate::feeder::{DATES_TRIED, Runner};
use crate::preflight;
use crate::report::progress::Progress;
use crate::report::summary::Summary;
use crate::resume::ResumeError;

pub use crate::delivery::output::Target;

/// Why a feed failed; what was delivered until then stands in its [`Progress`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// An input cannot be read.
    #[error("{input}: {problem}")]
    Input {
        /// The input.
        input: String,
        /// What is the matter.
        problem: SourceError,
    },
    /// An input whose dates are all written in another way.
    #[error("{input}: none of the first {DATES_TRIED} rows has a readable date; line {line}: {reason}")]
    Dates {
        /// The input.
        input: String,
        /// The last line that was tried.
        line: u64,
        /// Why it was rejected.
        reason: Reject,
    },
    /// A rejects file cannot be written.
    #[error("{}: rejected rows cannot be written there: {problem}; --rejects names another folder", path.display())]
    Rejects {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        problem: io::Error,
    },
    /// Kafka did not take the records.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The feed cannot go on where an earlier run has stopped.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The stream did not take the records.
    #[error("the records cannot be printed: {0}")]
    Print(io::Error),
}

/// Sends the feed's records to the target and waits until the broker has confirmed every one.
///
/// Blocks; from asynchronous code call it in `spawn_blocking`. Nothing is sent before every file's
/// header has been read, every rejects file is known to be writable and the topic has been reached.
/// When `shutdown` is cancelled no more rows are read, and what was sent is waited for.
///
/// # Errors
/// [`RunError`] if an input cannot be read or a record cannot be delivered.
pub fn run(
    feed: &Feed,
    target: &Target,
    progress: &Arc<Progress>,
    shutdown: CancellationToken,
) -> Result<Summary, RunError> {
    let started = Instant::now();
    preflight::check_headers(feed, progress, &shutdown)?;
    preflight::expect_bytes(feed, progress);
    let outlet = Outlet::open(feed, target, progress, &shutdown)?;
    // Last, since it removes what an earlier run has rejected.
    let rejects = preflight::prepare_rejects(feed)?;
    let mut runner = Runner::new(feed, progress, shutdown, outlet, rejects);
    let fed = runner.feed();
    let Runner { outlet, shutdown, rejects, warnings, .. } = runner;
    let flow = match fed {
        Ok(flow) => flow,
        Err(RunError::Delivery(error)) => return Err(error.into()),
        Err(error) => {
            // What was read before the input failed is delivered, and counted, all the same.
            outlet.finish(&shutdown)?;
            return Err(error);
        }
    };
    let (partitions, printed) = outlet.finish(&shutdown)?;
    let mut summary = Summary::new(progress.snapshot(), printed, started.elapsed());
    summary.interrupted = flow == Flow::Stop && shutdown.is_cancelled() && feed.repeat() != Repeat::Forever;
    summary.partitions = partitions;
    summary.already = feed.resume().map(|_| progress.snapshot().already);
    summary.dry_run = matches!(target, Target::Lines(_));
    summary.warnings = warnings;
    if let Order::Sample { seed } = feed.order() {
        summary.seed = Some(seed);
    }
    for mut one in rejects.into_iter().flatten() {
        let path = one.path().to_owned();
        let written = one.finish().map_err(|problem| RunError::Rejects { path, problem })?;
        summary.rejects.extend(written.map(PathBuf::from));
    }
    Ok(summary)
}

/// Runs a feed on a thread of its own, for asynchronous programs.
///
/// # Errors
/// [`RunError`] of the feed.
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

/// Opens an input and reads its header.
pub(crate) fn open(
    input: &Input,
    feed: &Feed,
    progress: &Arc<Progress>,
    shutdown: &CancellationToken,
) -> Result<Source, RunError> {
    Source::open(input, feed, progress, shutdown).map_err(|problem| RunError::Input { input: input.name(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_feed::{A, Bench};
    use std::io::Write;

    #[test]
    fn everything_read_is_counted_and_every_reject_kept() {
        let bench = Bench::new(&[(
            "x.csv",
            "Symbol,Date,Close\nA,2026-01-01,1\n\n,,\n,2026-01-01,2\nB,2026-01-02,NaN\nC,2026-01-03,3.",
        )]);
        let (summary, lines) = bench.run().expect("a run");
        assert_eq!((summary.read, summary.printed, summary.rejected, summary.blank), (4, 2, 2, 2));
        assert_eq!(summary.delivered, 0, "printed is not delivered");
        assert_eq!(lines[1], r#"{"symbol":"C","trade_date":"2026-01-03","close":3}"#);
        assert!(summary.warnings[0].contains("line 7 has no line end"), "{:?}", summary.warnings);
        let kept = "line,reason,row\n5,no symbol,\",2026-01-01,2\"\n6,close is not a finite number: NaN,\"B,2026-01-02,NaN\"\n";
        assert_eq!(bench.rejects("x.csv.rejects.csv").as_deref(), Some(kept));
        assert_eq!(summary.rejects, [bench.folder.path().join("x.csv.rejects.csv")]);
    }

    #[test]
    fn a_shutdown_ends_the_feed_with_a_summary() {
        let mut bench = Bench::new(&[A]);
        bench.shutdown.cancel();
        let (summary, lines) = bench.run().expect("a run");
        assert!(summary.interrupted && lines.is_empty());
        bench.args.repeat = Repeat::Forever;
        assert!(!bench.run().expect("a run").0.interrupted, "without end, being stopped is the end");
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let bench = Bench::new(&[A]);
        let feed = Feed::try_from(bench.args.clone()).expect("a feed");
        let summary = run(&feed, &Target::lines(Closed), &bench.progress, bench.shutdown.clone()).expect("no failure");
        assert!(!summary.interrupted);
    }
}
