//! Reads rows and sends them in the configured order and at the configured rate.

mod made_rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use crate::cli::args::Repeat;
use crate::delivery::Flow;
use crate::delivery::output::Output;
use crate::error::RunError;
use crate::feed::input::Input;
use crate::feed::interleave::RecordKind;
use crate::feed::pace::{Pace, Pacer};
use crate::feed::record_buffer::{Record, RecordBuffer};
use crate::feed::row_id::RowId;
use crate::feed::source::{Source, SourceRow};
use crate::feed::{Feed, Order};
use crate::plan::ReadingPlan;
use crate::preflight;
use crate::report::progress::Progress;
use crate::report::rejects::Rejects;
use crate::report::summary::Simulated;
use crate::resume::RowStatus;
use crate::simulate::NotSimulated;

/// Minimum duration of a sleep. Shorter waits are skipped, because sleeping would take longer; the average rate stays
/// exact.
const MIN_SLEEP: Duration = Duration::from_millis(1);
/// Maximum duration of one sleep; after it, the feeder checks for failures and for a shutdown.
const MAX_SLEEP: Duration = Duration::from_millis(100);

/// A running feed.
pub(crate) struct Feeder<'a> {
    feed: &'a Feed,
    /// The plan of each input; `None` for a pipe or a followed file.
    plans: Vec<Option<ReadingPlan>>,
    progress: &'a Arc<Progress>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) output: Output<'a>,
    /// Time at which the first record to send was due.
    started: Option<Instant>,
    pacer: Pacer,
    /// Rejects file of each input; `None` for an input that occurs earlier in the list.
    pub(crate) rejects: Vec<Option<Rejects>>,
    pub(crate) warnings: Vec<String>,
    /// Counts of simulated rows; the seed is not set.
    pub(crate) simulated: Simulated,
    /// Reasons for sending a row unchanged that have already been reported.
    shown: Vec<NotSimulated>,
}

impl<'a> Feeder<'a> {
    pub(crate) fn new(
        feed: &'a Feed,
        plans: Vec<Option<ReadingPlan>>,
        progress: &'a Arc<Progress>,
        shutdown: CancellationToken,
        output: Output<'a>,
        rejects: Vec<Option<Rejects>>,
    ) -> Self {
        let pacer = Pacer::new(feed.pace());
        Self {
            feed,
            plans,
            progress,
            shutdown,
            output,
            started: None,
            pacer,
            rejects,
            warnings: Vec::new(),
            simulated: Simulated::default(),
            shown: Vec::new(),
        }
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
                loop {
                    let flow = self.each_quote(at, pass == 0, Self::send_row)?;
                    if flow == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                    // A followed file ends only if it must be read again from its start.
                    if !matches!(self.feed.inputs().get(at), Some(Input::Followed(_))) {
                        break;
                    }
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
        let mut records = 0_u64;
        for at in 0..self.feed.inputs().len() {
            let flow = self.each_quote(at, true, |feeder, record| {
                let (begins, made) = feeder.begin_of(&record);
                records += made;
                buffer.push(Record { micros: begins, ..record });
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
            self.progress.expect_rows(times.saturating_mul(records));
        }
        let mut random = match self.feed.order() {
            Order::Sample { seed } => Some(StdRng::seed_from_u64(seed)),
            _ => {
                buffer.sort_by_date();
                None
            }
        };
        for _ in passes(self.feed.repeat()) {
            if self.feed.simulation().is_some() {
                if self.send_interleaved(&buffer)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                continue;
            }
            for at in 0..buffer.len() {
                let drawn = random.as_mut().map_or(at, |random| random.random_range(0..buffer.len()));
                let Some(record) = buffer.get(drawn) else {
                    continue;
                };
                if self.send(record, RecordKind::Row)? == Flow::Stop {
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
        let options = self.feed.options();
        let opened = match self.plans.get(at) {
            Some(Some(plan)) => Source::reopen(input, plan, options, self.progress, &self.shutdown),
            _ => Source::open(input, options, self.progress, &self.shutdown),
        };
        let mut source = match opened {
            Err(_) if self.shutdown.is_cancelled() => return Ok(Flow::Stop),
            opened => opened?,
        };
        if first_pass && !input.is_repeatable() {
            preflight::announce(&source, self.progress);
        }
        let mut json = Vec::with_capacity(512);
        let mut rows = 0;
        let mut open_line = None;
        loop {
            let row = match source.next(&mut json) {
                Ok(row) => row,
                // A pipe or a followed file ends with an error when the feed is shut down.
                Err(error) if error.is_io() && self.shutdown.is_cancelled() => return Ok(Flow::Stop),
                Err(error) => return Err(error.into()),
            };
            match row {
                SourceRow::End => break,
                SourceRow::Blank => self.progress.add_blank(),
                SourceRow::Waiting => {
                    let now = source.open_line();
                    if now != open_line {
                        open_line = now;
                        self.show_open_line(source.name(), now);
                    }
                    self.output.check()?;
                    if self.output.flush()? == Flow::Stop || self.shutdown.is_cancelled() {
                        return Ok(Flow::Stop);
                    }
                }
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
                    self.progress.add_rejected(&reason);
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

    /// Reports that the rows of a followed file are not sent until a quoted cell is closed.
    fn show_open_line(&mut self, input: &str, line: Option<u64>) {
        if let Some(line) = line {
            self.progress.notice(format!(
                "{input}: line {line} opens a quote that is not closed yet; no further row is sent until it is closed"
            ));
        }
    }

    fn warn(&mut self, warning: String) {
        self.progress.notice(format!("warning: {warning}"));
        self.warnings.push(warning);
    }

    /// Waits until the record is due and sends it, unless the topic already contains the record. Returns [`Flow::Stop`]
    /// on a shutdown, or if the reading end of the pipe is closed.
    fn send(&mut self, record: Record<'_>, kind: RecordKind) -> Result<Flow, RunError> {
        if self.output.advance(record.key) == RowStatus::AlreadyInTopic {
            self.count_read(kind);
            self.progress.add_already_in_topic();
            return Ok(if self.shutdown.is_cancelled() { Flow::Stop } else { Flow::Continue });
        }
        if self.feed.pace() != Pace::Unlimited {
            let wait = self.pacer.wait(self.started.get_or_insert_with(Instant::now).elapsed(), record.micros);
            if wait >= MIN_SLEEP && self.sleep(wait)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        if self.shutdown.is_cancelled() {
            return Ok(Flow::Stop);
        }
        let flow = self.output.send(record, &self.shutdown)?;
        if flow == Flow::Continue {
            self.count_read(kind);
            self.progress.add_sent();
            self.simulated.bars += u64::from(kind == RecordKind::FirstMade);
            self.simulated.records += u64::from(kind != RecordKind::Row);
        }
        Ok(flow)
    }

    /// Counts a row of an input. All simulated rows of a bar count as one row.
    fn count_read(&self, kind: RecordKind) {
        if kind != RecordKind::Made {
            self.progress.add_read();
        }
    }

    /// Sleeps for `wait`, or until a shutdown or a delivery failure. Returns [`Flow::Stop`] if the reading end of the
    /// pipe is closed.
    fn sleep(&mut self, wait: Duration) -> Result<Flow, RunError> {
        if self.output.flush()? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        let started = Instant::now();
        loop {
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() || self.shutdown.is_cancelled() {
                return Ok(Flow::Continue);
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
