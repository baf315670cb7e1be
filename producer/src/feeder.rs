//! Reads rows and sends them in the configured order and at the configured rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use crate::cli::args::Repeat;
use crate::delivery::Flow;
use crate::delivery::output::Output;
use crate::error::RunError;
use crate::feed::pace::{Pace, Pacer};
use crate::feed::record_buffer::{Record, RecordBuffer};
use crate::feed::row_id::RowId;
use crate::feed::source::{Source, SourceRow};
use crate::feed::{Feed, Order};
use crate::preflight;
use crate::report::progress::Progress;
use crate::report::rejects::Rejects;
use crate::resume::RowStatus;

/// Waits shorter than this are skipped: sleeping would take longer, and the average rate stays exact.
const MIN_SLEEP: Duration = Duration::from_millis(1);
/// Maximum duration of one sleep; after it, the feeder checks for failures and for a shutdown.
const MAX_SLEEP: Duration = Duration::from_millis(100);

/// A running feed.
pub(crate) struct Feeder<'a> {
    feed: &'a Feed,
    progress: &'a Arc<Progress>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) output: Output<'a>,
    /// Time at which the first record to send was due.
    started: Option<Instant>,
    pacer: Pacer,
    /// Rejects file of each input; `None` for a repeated input.
    pub(crate) rejects: Vec<Option<Rejects>>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Feeder<'a> {
    pub(crate) fn new(
        feed: &'a Feed,
        progress: &'a Arc<Progress>,
        shutdown: CancellationToken,
        output: Output<'a>,
        rejects: Vec<Option<Rejects>>,
    ) -> Self {
        let pacer = Pacer::new(feed.pace());
        Self { feed, progress, shutdown, output, started: None, pacer, rejects, warnings: Vec::new() }
    }

    /// Sends every row that is a quote. Returns [`Flow::Stop`] if the feed was stopped before its last row.
    pub(crate) fn run(&mut self) -> Result<Flow, RunError> {
        match self.feed.order() {
            Order::File => self.stream(),
            Order::Date | Order::Sample { .. } => self.buffer_and_send(),
        }
    }

    /// Sends each row as it is read.
    fn stream(&mut self) -> Result<Flow, RunError> {
        for pass in passes(self.feed.repeat()) {
            let before = self.progress.snapshot();
            for at in 0..self.feed.inputs().len() {
                let flow = self.each_quote(at, pass == 0, Self::send)?;
                if flow == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            // Without this check, `--repeat forever` would never end if no input has a quote.
            let now = self.progress.snapshot();
            if (now.sent, now.already_in_topic) == (before.sent, before.already_in_topic) {
                break;
            }
        }
        Ok(Flow::Continue)
    }

    /// Reads all rows into memory, then sends them.
    fn buffer_and_send(&mut self) -> Result<Flow, RunError> {
        let mut buffer = RecordBuffer::default();
        for at in 0..self.feed.inputs().len() {
            let flow = self.each_quote(at, true, |feeder, record| {
                buffer.push(record);
                Ok(if feeder.shutdown.is_cancelled() { Flow::Stop } else { Flow::Continue })
            })?;
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        if buffer.len() == 0 {
            return Ok(Flow::Continue);
        }
        if let Repeat::Times(times) = self.feed.repeat() {
            self.progress.expect_rows(times.saturating_mul(buffer.len() as u64));
        }
        let mut random = match self.feed.order() {
            Order::Sample { seed } => Some(StdRng::seed_from_u64(seed)),
            _ => {
                buffer.sort_by_date();
                None
            }
        };
        for _ in passes(self.feed.repeat()) {
            for at in 0..buffer.len() {
                let drawn = random.as_mut().map_or(at, |random| random.random_range(0..buffer.len()));
                let Some(record) = buffer.get(drawn) else {
                    continue;
                };
                if self.send(record)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// Reads one input to its end and calls `act` with each quote. Rejected rows and warnings are recorded on the first
    /// pass only.
    fn each_quote(
        &mut self,
        at: usize,
        first_pass: bool,
        mut act: impl FnMut(&mut Self, Record<'_>) -> Result<Flow, RunError>,
    ) -> Result<Flow, RunError> {
        let Some(input) = self.feed.inputs().get(at) else {
            return Ok(Flow::Continue);
        };
        let mut source = match Source::open(input, self.feed.options(), self.progress, &self.shutdown) {
            Err(_) if self.shutdown.is_cancelled() => return Ok(Flow::Stop),
            opened => opened?,
        };
        if first_pass && !input.is_repeatable() {
            preflight::announce(&source, self.progress);
        }
        let mut json = Vec::with_capacity(512);
        let mut rows = 0;
        loop {
            let row = match source.next(&mut json) {
                Ok(row) => row,
                // A pipe ends with an error when the feed is shut down.
                Err(error) if error.is_io() && self.shutdown.is_cancelled() => return Ok(Flow::Stop),
                Err(error) => return Err(error.into()),
            };
            match row {
                SourceRow::End => break,
                SourceRow::Blank => self.progress.add_blank(),
                SourceRow::Quote { quote, line } => {
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
                SourceRow::Rejected { line, reason, raw } => {
                    rows += 1;
                    self.progress.add_read();
                    self.progress.add_rejected();
                    if let Some(rejects) = self.rejects.get_mut(at).and_then(Option::as_mut).filter(|_| first_pass) {
                        rejects.add(line, &reason, raw)?;
                    }
                }
            }
        }
        if first_pass && rows == 0 {
            self.warn(format!("{}: no rows, only a header", source.name()));
        }
        if let Some(line) = source.unended_line().filter(|_| first_pass) {
            self.warn(format!(
                "{}: line {line} has no line ending, so the file may be truncated; the line is used as is",
                source.name()
            ));
        }
        Ok(Flow::Continue)
    }

    fn warn(&mut self, warning: String) {
        self.progress.notice(format!("warning: {warning}"));
        self.warnings.push(warning);
    }

    /// Waits until the record is due and sends it, unless the topic already contains it.
    fn send(&mut self, record: Record<'_>) -> Result<Flow, RunError> {
        if self.output.advance(record.key) == RowStatus::AlreadyInTopic {
            self.progress.add_read();
            self.progress.add_already_in_topic();
            return Ok(if self.shutdown.is_cancelled() { Flow::Stop } else { Flow::Continue });
        }
        if self.feed.pace() != Pace::Unlimited {
            let wait = self.pacer.wait(self.started.get_or_insert_with(Instant::now).elapsed(), record.micros);
            if wait >= MIN_SLEEP {
                self.sleep(wait)?;
            }
        }
        if self.shutdown.is_cancelled() {
            return Ok(Flow::Stop);
        }
        let flow = self.output.send(record, &self.shutdown)?;
        if flow == Flow::Continue {
            self.progress.add_read();
            self.progress.add_sent();
        }
        Ok(flow)
    }

    /// Sleeps for `wait`, or until a shutdown or a delivery failure.
    fn sleep(&mut self, wait: Duration) -> Result<(), RunError> {
        self.output.flush()?;
        let started = Instant::now();
        loop {
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() || self.shutdown.is_cancelled() {
                return Ok(());
            }
            std::thread::sleep(left.min(MAX_SLEEP));
            self.output.check()?;
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
    use crate::cli::args::{FeedArgs, OrderArg, Repeat};
    use crate::test_feed::{A, B, TestFeed};

    #[test]
    fn files_are_sent_one_after_the_other() {
        assert_eq!(TestFeed::new(&[A, B]).quotes(), ["A 2026-01-01", "A 2026-01-03", "B 2026-01-01", "B 2026-01-02"]);
    }

    #[test]
    fn rows_of_all_files_are_sorted_by_date() {
        let mut test = TestFeed::new(&[A, B]);
        test.args.order = OrderArg::Date;
        assert_eq!(test.quotes(), ["A 2026-01-01", "B 2026-01-01", "B 2026-01-02", "A 2026-01-03"]);
    }

    #[test]
    fn a_given_symbol_is_used_for_every_file() {
        let mut test = TestFeed::new(&[("a.csv", "Date,Open\n2026-01-02,1\n"), ("b.csv", "Open,Date\n1,2026-01-01\n")]);
        test.args.symbol = Some("AAPL".to_owned());
        assert_eq!(test.quotes(), ["AAPL 2026-01-02", "AAPL 2026-01-01"]);
        test.args.order = OrderArg::Date;
        assert_eq!(test.quotes(), ["AAPL 2026-01-01", "AAPL 2026-01-02"]);
    }

    #[test]
    fn a_seed_repeats_the_sample() {
        let mut test = TestFeed::new(&[A, B]);
        test.args = FeedArgs { order: OrderArg::Sample, seed: Some(7), repeat: Repeat::Times(50), ..test.args };
        let drawn = test.quotes();
        assert_eq!(drawn.len(), 4 * 50);
        assert_eq!(drawn, test.quotes());
        assert!(
            ["A 2026-01-01", "A 2026-01-03", "B 2026-01-01", "B 2026-01-02"]
                .iter()
                .all(|one| drawn.contains(&(*one).to_owned()))
        );
        test.args.seed = Some(8);
        assert_ne!(drawn, test.quotes());
    }

    #[test]
    fn a_repeated_pass_records_its_rejects_once() {
        let mut test = TestFeed::new(&[("x.csv", "Symbol,Date\nA,2026-01-01\nA\n")]);
        test.args.repeat = Repeat::Times(3);
        let (summary, lines) = test.run().expect("a run");
        assert_eq!((summary.read, summary.rejected, lines.len()), (6, 3, 3));
        assert_eq!(test.rejects("x.csv.rejects.csv").map(|text| text.lines().count()), Some(2));
    }

    #[test]
    fn repeating_no_quotes_forever_ends() {
        for order in [OrderArg::File, OrderArg::Date, OrderArg::Sample] {
            let mut test = TestFeed::new(&[("x.csv", "Symbol,Date\n")]);
            test.args = FeedArgs { order, repeat: Repeat::Forever, ..test.args };
            assert_eq!(test.run().expect("a run").0.printed, 0);
        }
    }

    #[test]
    fn a_feed_of_which_most_rows_fail_sends_nothing() {
        let rows = |good: usize, bad: usize| {
            let rows = ["A,2026-01-01,x\n".repeat(bad), "A,2026-01-01,1\n".repeat(good)].concat();
            TestFeed::new(&[("x.csv", &format!("Symbol,Date,Close\n{rows}"))])
        };
        let mut test = rows(49, 1_000);
        test.args.numeric = vec!["close".to_owned()];
        let message = test.run().expect_err("stopped").to_string();
        assert!(message.contains("x.csv: 100 of the first 100 rows are not quotes"), "{message}");
        assert!(message.contains("line 2: close is not a number: x"), "{message}");
        assert_eq!(test.progress.snapshot().sent, 0);
        assert_eq!(rows(51, 49).run().expect("to the end").0.rejected, 49);
    }

    #[test]
    fn a_rate_delays_the_feed() {
        let mut test = TestFeed::new(&[A, B]);
        test.args.rate = Some(50.0);
        let (summary, lines) = test.run().expect("a run");
        assert_eq!(lines.len(), 4);
        assert!(summary.seconds >= 0.06, "{}", summary.seconds);
    }
}
