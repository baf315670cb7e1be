//! Runs a feed: inputs to records to a target, with everything counted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::args::Repeat;
use crate::delivery::DeliveryError;
use crate::encode::Reject;
use crate::feed::{Feed, Order};
use crate::held::{Held, Record};
use crate::input::Input;
use crate::outlet::{Flow, Outlet};
use crate::pace::{Pace, Pacer};
use crate::progress::Progress;
use crate::rejects::Rejects;
use crate::reports::RowId;
use crate::source::{Source, SourceError, Step};
use crate::summary::Summary;

pub use crate::outlet::Target;

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
    /// The stream did not take the records.
    #[error("the records cannot be printed: {0}")]
    Print(io::Error),
}

/// An input whose first so many rows all have unreadable dates is not read to its end.
const DATES_TRIED: u64 = 100;

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
    check_headers(feed, progress, &shutdown)?;
    let rejects = prepare_rejects(feed)?;
    expect_bytes(feed, progress);
    let outlet = Outlet::open(feed, target, progress, &shutdown)?;
    let mut runner = Runner {
        feed,
        progress,
        shutdown,
        outlet,
        started: Instant::now(),
        pacer: Pacer::new(feed.pace()),
        rejects,
        warnings: Vec::new(),
    };
    let fed = match feed.order() {
        Order::File => runner.stream(),
        Order::Date | Order::Sample { .. } => runner.hold_and_send(),
    };
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

/// A rejects file for each input; a file that is named twice has its rejects written once.
fn prepare_rejects(feed: &Feed) -> Result<Vec<Option<Rejects>>, RunError> {
    let prepare = |(at, input): (usize, &Input)| {
        let path = feed.rejects_path(input);
        if feed.inputs()[..at].contains(input) {
            return Ok(None);
        }
        if matches!(input, Input::Bytes { .. }) {
            return Ok(Some(Rejects::unprepared(path)));
        }
        match Rejects::prepare(path.clone()) {
            Ok(rejects) => Ok(Some(rejects)),
            Err(problem) => Err(RunError::Rejects { path, problem }),
        }
    };
    feed.inputs().iter().enumerate().map(prepare).collect()
}

/// A header that cannot be used is known before anything is sent, and so is a misspelt `--numeric`.
fn check_headers(feed: &Feed, progress: &Progress, shutdown: &CancellationToken) -> Result<(), RunError> {
    let uncounted = Arc::new(Progress::default());
    let mut columns = Vec::new();
    let (known, pipes): (Vec<&Input>, Vec<&Input>) = feed.inputs().iter().partition(|input| input.can_be_read_again());
    for input in known {
        let source = open(input, feed, &uncounted, shutdown)?;
        columns.extend(source.header().columns().iter().map(|column| column.name.clone()));
    }
    // A pipe's columns are known only once its rows are sent.
    let unknown = |name: &&String| pipes.is_empty() && !columns.contains(name);
    for name in feed.numeric().iter().filter(unknown) {
        progress.notice(format!("--numeric {name}: no input has such a column"));
    }
    Ok(())
}

fn expect_bytes(feed: &Feed, progress: &Progress) {
    let passes = match (feed.order(), feed.repeat()) {
        (Order::File, Repeat::Forever) => return,
        (Order::File, Repeat::Times(times)) => times,
        _ => 1,
    };
    let size: Option<u64> = feed.inputs().iter().map(Input::size).sum();
    progress.expect_bytes(size.unwrap_or(0).saturating_mul(passes));
}

fn open(
    input: &Input,
    feed: &Feed,
    progress: &Arc<Progress>,
    shutdown: &CancellationToken,
) -> Result<Source, RunError> {
    Source::open(input, feed, progress, shutdown).map_err(|problem| RunError::Input { input: input.name(), problem })
}

struct Runner<'a> {
    feed: &'a Feed,
    progress: &'a Arc<Progress>,
    shutdown: CancellationToken,
    outlet: Outlet<'a>,
    started: Instant,
    pacer: Pacer,
    /// By input.
    rejects: Vec<Option<Rejects>>,
    warnings: Vec<String>,
}

impl Runner<'_> {
    /// Rows go out as they come in.
    fn stream(&mut self) -> Result<Flow, RunError> {
        for pass in passes(self.feed.repeat()) {
            let before = self.progress.snapshot();
            for at in 0..self.feed.inputs().len() {
                let flow = self.each_quote(at, pass == 0, Self::send)?;
                if flow == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            // Repeating what has no quotes would only turn in circles.
            if self.progress.snapshot().sent == before.sent {
                break;
            }
        }
        Ok(Flow::Go)
    }

    /// All rows are read first.
    fn hold_and_send(&mut self) -> Result<Flow, RunError> {
        let mut held = Held::default();
        for at in 0..self.feed.inputs().len() {
            let flow = self.each_quote(at, true, |runner, record| {
                held.push(record);
                Ok(if runner.shutdown.is_cancelled() { Flow::Stop } else { Flow::Go })
            })?;
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        if held.len() == 0 {
            return Ok(Flow::Go);
        }
        if let Repeat::Times(times) = self.feed.repeat() {
            self.progress.expect_rows(times.saturating_mul(held.len() as u64));
        }
        let mut random = match self.feed.order() {
            Order::Sample { seed } => Some(StdRng::seed_from_u64(seed)),
            _ => {
                held.sort_by_date();
                None
            }
        };
        self.started = Instant::now();
        for _ in passes(self.feed.repeat()) {
            for at in 0..held.len() {
                let drawn = random.as_mut().map_or(at, |random| random.random_range(0..held.len()));
                let Some(record) = held.get(drawn) else {
                    continue;
                };
                if self.send(record)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
        }
        Ok(Flow::Go)
    }

    /// Reads one input to its end. Rejected rows and warnings are noted on the first pass only.
    fn each_quote(
        &mut self,
        at: usize,
        first_pass: bool,
        mut act: impl FnMut(&mut Self, Record<'_>) -> Result<Flow, RunError>,
    ) -> Result<Flow, RunError> {
        let Some(input) = self.feed.inputs().get(at) else {
            return Ok(Flow::Go);
        };
        let mut source = match open(input, self.feed, self.progress, &self.shutdown) {
            Err(_) if self.shutdown.is_cancelled() => return Ok(Flow::Stop),
            opened => opened?,
        };
        let mut json = Vec::with_capacity(512);
        let (mut rows, mut unreadable_dates) = (0, 0);
        loop {
            let step = match source.next(&mut json) {
                Ok(step) => step,
                Err(_) if self.shutdown.is_cancelled() => return Ok(Flow::Stop),
                Err(error) => {
                    return Err(RunError::Input { input: input.name(), problem: error.into() });
                }
            };
            match step {
                Step::End => break,
                Step::Blank => self.progress.add_blank(),
                Step::Quote { quote, line } => {
                    rows += 1;
                    let record = Record {
                        key: quote.symbol.as_bytes(),
                        value: &json,
                        micros: quote.micros,
                        row: RowId::new(at, line),
                    };
                    if act(self, record)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
                Step::Rejected { line, reason, raw } => {
                    rows += 1;
                    self.progress.add_read();
                    self.progress.add_rejected();
                    if let Some(rejects) = self.rejects.get_mut(at).and_then(Option::as_mut).filter(|_| first_pass) {
                        rejects
                            .add(line, &reason, raw)
                            .map_err(|problem| RunError::Rejects { path: rejects.path().to_owned(), problem })?;
                    }
                    unreadable_dates += u64::from(matches!(reason, Reject::Date { .. }));
                    if rows == DATES_TRIED && unreadable_dates == rows {
                        return Err(RunError::Dates { input: input.name(), line, reason });
                    }
                }
            }
        }
        if first_pass && rows == 0 {
            self.warn(format!("{}: no rows, only a header", input.name()));
        }
        if let Some(line) = source.unended_line().filter(|_| first_pass) {
            self.warn(format!(
                "{}: line {line} has no line end, so the file may be cut short; the line counts as it stands",
                input.name()
            ));
        }
        Ok(Flow::Go)
    }

    fn warn(&mut self, warning: String) {
        self.progress.notice(format!("warning: {warning}"));
        self.warnings.push(warning);
    }

    /// Waits until the record is due and sends it.
    fn send(&mut self, record: Record<'_>) -> Result<Flow, RunError> {
        if self.feed.pace() != Pace::Unlimited {
            let wait = self.pacer.wait(self.started.elapsed(), record.micros);
            // Shorter naps cost more than they space; what is due stays exact on the average.
            if wait >= Duration::from_millis(1) {
                self.nap(wait)?;
            }
        }
        if self.shutdown.is_cancelled() {
            return Ok(Flow::Stop);
        }
        let flow = self.outlet.send(record, &self.shutdown)?;
        if flow == Flow::Go {
            self.progress.add_read();
            self.progress.add_sent();
        }
        Ok(flow)
    }

    fn nap(&mut self, wait: Duration) -> Result<(), RunError> {
        self.outlet.pause()?;
        let since = Instant::now();
        loop {
            let left = wait.saturating_sub(since.elapsed());
            if left.is_zero() || self.shutdown.is_cancelled() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
            self.outlet.check()?;
        }
    }
}

fn passes(repeat: Repeat) -> impl Iterator<Item = u64> {
    match repeat {
        Repeat::Times(times) => 0..times,
        Repeat::Forever => 0..u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{FeedArgs, OrderArg};
    use serde_json::Value;
    use std::io::Write;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Files in a folder of their own, fed to a stream.
    struct Bench {
        folder: tempfile::TempDir,
        args: FeedArgs,
        progress: Arc<Progress>,
        shutdown: CancellationToken,
    }

    impl Bench {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let mut args = FeedArgs::default();
            for (name, text) in files {
                let path = folder.path().join(name);
                std::fs::write(&path, text).expect("written");
                args.files.push(path);
            }
            Self { folder, args, progress: Arc::default(), shutdown: CancellationToken::new() }
        }

        fn run(&self) -> Result<(Summary, Vec<String>), RunError> {
            let feed = Feed::try_from(self.args.clone()).expect("a feed");
            let lines = Shared::default();
            let summary = run(&feed, &Target::lines(lines.clone()), &self.progress, self.shutdown.clone())?;
            let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("UTF-8");
            Ok((summary, text.lines().map(str::to_owned).collect()))
        }

        /// What was printed, as `symbol date`.
        fn quotes(&self) -> Vec<String> {
            let (_, lines) = self.run().expect("a run");
            let name = |line: &String| {
                let value: Value = serde_json::from_str(line).expect("JSON");
                format!("{} {}", value["symbol"], value["trade_date"]).replace('"', "")
            };
            lines.iter().map(name).collect()
        }

        fn rejects(&self, name: &str) -> Option<String> {
            std::fs::read_to_string(self.folder.path().join(name)).ok()
        }
    }

    const A: (&str, &str) = ("a.csv", "Symbol,Date\nA,2026-01-01\nA,2026-01-03\n");
    const B: (&str, &str) = ("b.csv", "Date,Ticker\n2026-01-01,B\n2026-01-02,B\n");

    #[test]
    fn files_follow_one_another() {
        assert_eq!(Bench::new(&[A, B]).quotes(), ["A 2026-01-01", "A 2026-01-03", "B 2026-01-01", "B 2026-01-02"]);
    }

    #[test]
    fn by_date_files_are_interleaved_and_ties_keep_their_order() {
        let mut bench = Bench::new(&[A, B]);
        bench.args.order = OrderArg::Date;
        assert_eq!(bench.quotes(), ["A 2026-01-01", "B 2026-01-01", "B 2026-01-02", "A 2026-01-03"]);
    }

    #[test]
    fn a_sample_is_as_long_as_its_input_and_repeats_with_its_seed() {
        let mut bench = Bench::new(&[A, B]);
        bench.args = FeedArgs { order: OrderArg::Sample, seed: Some(7), repeat: Repeat::Times(50), ..bench.args };
        let drawn = bench.quotes();
        assert_eq!(drawn.len(), 4 * 50);
        assert_eq!(drawn, bench.quotes());
        assert!(
            ["A 2026-01-01", "A 2026-01-03", "B 2026-01-01", "B 2026-01-02"]
                .iter()
                .all(|one| drawn.contains(&(*one).to_owned()))
        );
        bench.args.seed = Some(8);
        assert_ne!(drawn, bench.quotes());
    }

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
    fn a_pass_that_is_repeated_counts_again_but_keeps_its_rejects_once() {
        let mut bench = Bench::new(&[("x.csv", "Symbol,Date\nA,2026-01-01\nA\n")]);
        bench.args.repeat = Repeat::Times(3);
        let (summary, lines) = bench.run().expect("a run");
        assert_eq!((summary.read, summary.rejected, lines.len()), (6, 3, 3));
        assert_eq!(bench.rejects("x.csv.rejects.csv").map(|text| text.lines().count()), Some(2));
    }

    #[test]
    fn repeating_nothing_for_ever_ends() {
        for order in [OrderArg::File, OrderArg::Date, OrderArg::Sample] {
            let mut bench = Bench::new(&[("x.csv", "Symbol,Date\nA\n")]);
            bench.args = FeedArgs { order, repeat: Repeat::Forever, ..bench.args };
            assert_eq!(bench.run().expect("a run").0.printed, 0);
        }
    }

    #[test]
    fn dates_that_are_all_unreadable_end_the_feed_early() {
        let rows = |rows: usize| format!("Symbol,Date\n{}", "A,29/06/1979\n".repeat(rows));
        let many = Bench::new(&[("x.csv", &rows(1_000))]).run().expect_err("stopped").to_string();
        assert!(many.contains("x.csv: none of the first 100 rows") && many.contains("--date-format"), "{many}");
        let few = Bench::new(&[("x.csv", &rows(99))]).run().expect("to the end").0;
        assert_eq!(few.rejected, 99);
        let mut told = Bench::new(&[("x.csv", &rows(1_000))]);
        told.args.date_format = Some("%d/%m/%Y".to_owned());
        assert_eq!(told.run().expect("a run").0.printed, 1_000);
    }

    #[test]
    fn a_bad_header_in_the_last_file_keeps_the_first_from_being_sent() {
        let bench = Bench::new(&[A, ("c.csv", "Symbol,Open\nA,1\n")]);
        let error = bench.run().expect_err("refused").to_string();
        assert!(error.contains("c.csv: no column for trade_date"), "{error}");
        assert_eq!(bench.progress.snapshot().sent, 0);
    }

    #[test]
    fn a_pipe_does_not_hide_the_header_of_a_file_after_it() {
        let mut bench = Bench::new(&[("c.csv", "Symbol,Open\nA,1\n")]);
        bench.args.files.insert(0, "-".into());
        bench.args.rejects = Some(bench.folder.path().into());
        let error = bench.run().expect_err("refused").to_string();
        assert!(error.contains("c.csv: no column for trade_date"), "{error}");
    }

    #[test]
    fn nothing_is_sent_when_rejects_cannot_be_written() {
        let bench = Bench::new(&[A]);
        std::fs::create_dir(bench.folder.path().join("a.csv.rejects.csv")).expect("created");
        let error = bench.run().expect_err("refused").to_string();
        assert!(error.contains("--rejects"), "{error}");
        assert_eq!(bench.progress.snapshot().sent, 0);
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
    fn a_paced_feed_takes_its_time() {
        let mut bench = Bench::new(&[A, B]);
        bench.args.rate = Some(50.0);
        let (summary, lines) = bench.run().expect("a run");
        assert_eq!(lines.len(), 4);
        assert!(summary.seconds >= 0.06, "{}", summary.seconds);
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
