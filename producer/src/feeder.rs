//! The rows' way from the inputs to the outlet, in the feed's order and at its pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use crate::cli::args::Repeat;
use crate::delivery::output::{Flow, Outlet};
use crate::delivery::tracker::RowId;
use crate::encode::record_encoder::Reject;
use crate::feed::pace::{Pace, Pacer};
use crate::feed::record_buffer::{Held, Record};
use crate::feed::source::Step;
use crate::feed::{Feed, Order};
use crate::report::progress::Progress;
use crate::report::rejects::Rejects;
use crate::run::{RunError, open};

/// An input whose first so many rows all have unreadable dates is not read to its end.
pub(crate) const DATES_TRIED: u64 = 100;

/// A feed under way.
pub(crate) struct Runner<'a> {
    feed: &'a Feed,
    progress: &'a Arc<Progress>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) outlet: Outlet<'a>,
    /// When the first record was due; those that the topic has already are none.
    started: Option<Instant>,
    pacer: Pacer,
    /// By input.
    pub(crate) rejects: Vec<Option<Rejects>>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(
        feed: &'a Feed,
        progress: &'a Arc<Progress>,
        shutdown: CancellationToken,
        outlet: Outlet<'a>,
        rejects: Vec<Option<Rejects>>,
    ) -> Self {
        let pacer = Pacer::new(feed.pace());
        Self { feed, progress, shutdown, outlet, started: None, pacer, rejects, warnings: Vec::new() }
    }

    /// Sends every row that can be sent.
    pub(crate) fn feed(&mut self) -> Result<Flow, RunError> {
        match self.feed.order() {
            Order::File => self.stream(),
            Order::Date | Order::Sample { .. } => self.hold_and_send(),
        }
    }

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
            let now = self.progress.snapshot();
            if (now.sent, now.already) == (before.sent, before.already) {
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

    /// Waits until the record is due and sends it, unless the topic has it already.
    fn send(&mut self, record: Record<'_>) -> Result<Flow, RunError> {
        if self.outlet.has(record.key) {
            self.progress.add_read();
            self.progress.add_already();
            return Ok(if self.shutdown.is_cancelled() { Flow::Stop } else { Flow::Go });
        }
        if self.feed.pace() != Pace::Unlimited {
            let wait = self.pacer.wait(self.started.get_or_insert_with(Instant::now).elapsed(), record.micros);
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
    use crate::cli::args::{FeedArgs, OrderArg, Repeat};
    use crate::test_feed::{A, B, Bench};

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
    fn a_given_symbol_is_that_of_every_file() {
        let mut bench = Bench::new(&[("a.csv", "Date,Open\n2026-01-02,1\n"), ("b.csv", "Open,Date\n1,2026-01-01\n")]);
        bench.args.symbol = Some("AAPL".to_owned());
        assert_eq!(bench.quotes(), ["AAPL 2026-01-02", "AAPL 2026-01-01"]);
        bench.args.order = OrderArg::Date;
        assert_eq!(bench.quotes(), ["AAPL 2026-01-01", "AAPL 2026-01-02"]);
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
    fn a_paced_feed_takes_its_time() {
        let mut bench = Bench::new(&[A, B]);
        bench.args.rate = Some(50.0);
        let (summary, lines) = bench.run().expect("a run");
        assert_eq!(lines.len(), 4);
        assert!(summary.seconds >= 0.06, "{}", summary.seconds);
    }
}
