//! Reads an opened input as records, rejected rows and blank lines.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::Arc;

use encoding_rs::UTF_8;
use terminal::numbers::counted;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::archive::FormatError;
use super::input::Input;
use super::open::{OpenError, Opened, Sampling, open};
use crate::csv::row::Row;
use crate::csv::row_reader::{RowKind, RowReader};
use crate::encode::record_encoder::{Quote, RecordEncoder};
use crate::encode::reject::Reject;
use crate::encode::repeats::Repeats;
use crate::plan::make::{PlanError, make};
use crate::plan::options::PlanOptions;
use crate::plan::sample::Sample;
use crate::plan::{Questions, ReadingPlan};
use crate::report::progress::Progress;

/// Rows at the beginning of an input of which most must be quotes.
const CHECKED_ROWS: usize = 100;
/// Rows that show how long bars are.
const MIN_ROWS_OF_BAR: usize = 3;

/// An input cannot be read.
#[derive(Debug, Error)]
#[error("{input}: {reason}")]
pub struct InputError {
    /// The input's name for messages.
    pub input: String,
    /// Why it cannot be read, boxed to keep results small.
    #[source]
    pub reason: Box<SourceError>,
}

impl InputError {
    /// Returns `true` if reading failed, rather than the content of the input.
    pub(crate) fn is_io(&self) -> bool {
        matches!(*self.reason, SourceError::Io(_))
    }
}

/// Why an input cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Reading failed.
    #[error("failed to read: {0}")]
    Io(#[from] io::Error),
    /// The input is not CSV.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The input has no row.
    #[error("the input is empty; its first line must name the columns")]
    Empty,
    /// The input leaves questions open.
    #[error("{questions}{command}")]
    Questions {
        questions: Questions,
        /// The command to try, after a semicolon, or the empty string.
        command: String,
    },
    /// Most of the first rows are not quotes.
    #[error("{rejected} of the first {rows} rows are not quotes, so nothing is sent: {reasons}; read as: {plan}")]
    MostRejected {
        /// Rejected rows.
        rejected: usize,
        /// Rows that were looked at.
        rows: usize,
        /// The first reason of each kind, with its line.
        reasons: String,
        /// The reading plan in one line.
        plan: String,
    },
}

impl From<OpenError> for SourceError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => SourceError::Io(error),
            OpenError::Format(error) => SourceError::Format(error),
        }
    }
}

/// A row of an input.
#[derive(Debug)]
pub enum SourceRow<'a> {
    /// A record, whose JSON has been written.
    Quote {
        /// The record's identity.
        quote: Quote<'a>,
        /// Number of the row's first line.
        line: u64,
    },
    /// A row that is not a quote.
    Rejected {
        /// Number of the row's first line.
        line: u64,
        /// Why it is not a quote.
        reason: Reject,
        /// The row as it is written.
        raw: &'a [u8],
    },
    /// A row without values.
    Blank,
    /// No row for now: the input is a file that may grow.
    Waiting,
    /// The end of the input.
    End,
}

/// An input with its reading plan.
pub struct Source {
    name: String,
    rows: RowReader<Box<dyn BufRead + Send>>,
    row: Row,
    encoder: RecordEncoder,
    plan: ReadingPlan,
    repeats: Repeats,
    /// Rows before the data that are still to be skipped.
    rows_to_skip: u64,
    identity: Vec<u8>,
    /// The next record of the current row, for rows that become several.
    next_record: usize,
    /// Whether the current row has become a record.
    has_record: bool,
}

impl Source {
    /// Opens an input, makes its plan and checks it on the first rows.
    ///
    /// # Errors
    /// [`InputError`] if the input cannot be read, leaves questions open, or most of its first rows are not quotes.
    pub fn open(
        input: &Input,
        options: &PlanOptions,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, InputError> {
        Self::open_unnamed(input, options, progress, shutdown)
            .map_err(|reason| InputError { input: input.name(), reason: Box::new(reason) })
    }

    fn open_unnamed(
        input: &Input,
        options: &PlanOptions,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, SourceError> {
        let Opened { text, sample } = open(input, options.encoding, progress, shutdown, Sampling::Full)?;
        let mut plan = make(input.file_name().as_deref(), &sample, options).map_err(|error| match error {
            PlanError::Empty => SourceError::Empty,
            PlanError::Questions(questions) => {
                let command = options.command(&questions);
                SourceError::Questions { questions, command }
            }
        })?;
        let encoder = RecordEncoder::new(&plan, options.latest);
        check(&plan, &encoder, &sample)?;
        if matches!(input, Input::Followed(_)) && options.bar.is_none() {
            plan.warnings.extend(bar_of_few_rows(&plan, &sample));
        }
        Ok(Self::new(input, plan, encoder, text))
    }

    /// Opens an input again, with the plan that was made of it.
    ///
    /// # Errors
    /// [`InputError`] if the input cannot be read.
    pub(crate) fn reopen(
        input: &Input,
        plan: &ReadingPlan,
        options: &PlanOptions,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, InputError> {
        let encoding = plan.encoding.or(options.encoding).or(Some(UTF_8));
        let opened = open(input, encoding, progress, shutdown, Sampling::None);
        let opened = opened.map_err(|error| InputError { input: input.name(), reason: Box::new(error.into()) })?;
        let encoder = RecordEncoder::new(plan, options.latest);
        Ok(Self::new(input, plan.clone(), encoder, opened.text))
    }

    fn new(input: &Input, plan: ReadingPlan, encoder: RecordEncoder, text: Box<dyn BufRead + Send>) -> Self {
        Self {
            name: input.name(),
            rows: RowReader::new(text, plan.delimiter),
            row: Row::default(),
            encoder,
            rows_to_skip: plan.rows_before_data,
            plan,
            repeats: Repeats::default(),
            identity: Vec::new(),
            next_record: 0,
            has_record: false,
        }
    }

    /// Returns the input's name for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the plan, without the input.
    pub(crate) fn into_plan(self) -> ReadingPlan {
        self.plan
    }

    /// Returns the plan by which the input is read.
    pub fn plan(&self) -> &ReadingPlan {
        &self.plan
    }

    /// Reads the next record or row. The JSON of a quote is written to `json`.
    ///
    /// # Errors
    /// [`InputError`] if reading fails.
    pub fn next(&mut self, json: &mut Vec<u8>) -> Result<SourceRow<'_>, InputError> {
        let step = loop {
            if self.next_record == 0 {
                let kind = match self.rows.read(&mut self.row) {
                    Ok(kind) => kind,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Step::Waiting,
                    Err(error) => {
                        return Err(InputError { input: self.name.clone(), reason: Box::new(error.into()) });
                    }
                };
                match kind {
                    RowKind::End => break Step::End,
                    _ if self.rows_to_skip > 0 => {
                        self.rows_to_skip -= 1;
                        continue;
                    }
                    RowKind::Row => {}
                    RowKind::Blank => break Step::Blank,
                    RowKind::TooLong => break Step::Rejected(Reject::TooLong),
                    RowKind::OpenQuote => break Step::Rejected(Reject::OpenQuote),
                }
                self.has_record = false;
            }
            let record = self.next_record;
            self.next_record = (record + 1) % self.encoder.records_per_row();
            match self.encoder.encode(&self.row, record, json) {
                Ok(Some(quote)) => {
                    self.has_record = true;
                    let count = if self.encoder.has_series() {
                        self.identity.clear();
                        self.identity.extend_from_slice(quote.symbol.as_bytes());
                        self.encoder.append_series(&self.row, &mut self.identity);
                        self.repeats.add(&self.identity, instant(quote.micros))
                    } else {
                        self.repeats.add(quote.symbol.as_bytes(), instant(quote.micros))
                    };
                    number_repeat(count, json);
                    break Step::Quote(record, quote.micros);
                }
                Ok(None) if self.next_record == 0 && !self.has_record => break Step::Blank,
                Ok(None) => {}
                Err(reason) => {
                    self.next_record = 0;
                    break Step::Rejected(reason);
                }
            }
        };
        let line = self.row.line();
        Ok(match step {
            Step::End => SourceRow::End,
            Step::Blank => SourceRow::Blank,
            Step::Waiting => SourceRow::Waiting,
            Step::Rejected(reason) => SourceRow::Rejected { line, reason, raw: self.row.raw() },
            Step::Quote(record, micros) => {
                let symbol = self.encoder.symbol(&self.row, record);
                SourceRow::Quote { quote: Quote { symbol, micros }, line }
            }
        })
    }

    /// Returns the number of the line that begins the current row, if the row waits for more lines.
    pub(crate) fn open_line(&self) -> Option<u64> {
        self.rows.is_inside_row().then(|| self.row.line())
    }

    /// Returns the number of the last line if it has no line end.
    pub(crate) fn unended_line(&self) -> Option<u64> {
        self.rows.unended_line()
    }
}

/// Returns a warning if a file that has only begun does not show how long its bars are.
fn bar_of_few_rows(plan: &ReadingPlan, sample: &Sample) -> Option<String> {
    let rows = sample.head_rows(plan.delimiter);
    let rows = rows.iter().filter(|row| row.place.is_some_and(|place| place.index >= plan.rows_before_data)).count();
    let is_bar = plan.columns.iter().any(|column| column.name == "open");
    (is_bar && rows < MIN_ROWS_OF_BAR).then(|| {
        let rows = counted(rows as u64, "row", "rows");
        format!("{} is a guess, made from {rows}; set the length of the bars with --bar", plan.bar)
    })
}

/// The next row.
enum Step {
    /// Number of the record in its row, and its time.
    Quote(usize, i64),
    Rejected(Reject),
    Blank,
    Waiting,
    End,
}

/// Returns a number that is different for different times. Whole seconds are small, so that they take little memory.
fn instant(micros: i64) -> i64 {
    if micros % 1_000_000 == 0 { micros / 1_000_000 } else { micros }
}

/// Adds `seq` to the JSON of a quote from the second row of its symbol, series and instant on.
fn number_repeat(count: u32, json: &mut Vec<u8>) {
    if count > 1 {
        json.pop();
        json.extend_from_slice(format!(",\"seq\":{count}}}").as_bytes());
    }
}

/// Fails if most of the first rows are not quotes.
fn check(plan: &ReadingPlan, encoder: &RecordEncoder, sample: &Sample) -> Result<(), SourceError> {
    let mut reader = RowReader::new(sample.head.as_slice(), plan.delimiter);
    let (mut row, mut json) = (Row::default(), Vec::new());
    let (mut rows, mut rejected, mut rows_to_skip) = (0, 0, plan.rows_before_data);
    let (mut kinds, mut reasons) = (HashSet::new(), Vec::new());
    while rows < CHECKED_ROWS {
        let kind = reader.read(&mut row)?;
        // The last row of the sample may be cut off.
        if kind == RowKind::End || (!sample.is_complete && reader.unended_line().is_some()) {
            break;
        }
        if rows_to_skip > 0 {
            rows_to_skip -= 1;
            continue;
        }
        if kind == RowKind::Blank {
            continue;
        }
        rows += 1;
        let reason = match kind {
            RowKind::TooLong => Some(Reject::TooLong),
            RowKind::OpenQuote => Some(Reject::OpenQuote),
            _ => (0..encoder.records_per_row()).find_map(|record| encoder.encode(&row, record, &mut json).err()),
        };
        if let Some(reason) = reason {
            rejected += 1;
            if kinds.insert(std::mem::discriminant(&reason)) {
                reasons.push(format!("line {}: {reason}", row.line()));
            }
        }
    }
    if rejected * 2 <= rows {
        return Ok(());
    }
    let reasons = reasons.join("; ");
    Err(SourceError::MostRejected { rejected, rows, reasons, plan: plan.line() })
}
