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

/// Maximum number of rows at the beginning of an input that are checked. At least half of them must be quotes.
const CHECKED_ROWS: usize = 100;
/// Minimum number of rows that show the length of the bars; with fewer, the length is a guess.
const MIN_ROWS_OF_BAR: usize = 3;

/// Error while opening or reading an input.
#[derive(Debug, Error)]
#[error("{input}: {reason}")]
pub struct InputError {
    /// The input's name for messages.
    pub input: String,
    /// The reason, boxed to keep results small.
    #[source]
    pub reason: Box<SourceError>,
}

impl InputError {
    /// Returns `true` if an I/O operation failed, rather than the content of the input being unsuitable.
    pub(crate) fn is_io(&self) -> bool {
        matches!(*self.reason, SourceError::Io(_))
    }
}

/// Reason that an input cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Reading failed.
    #[error("failed to read: {0}")]
    Io(#[from] io::Error),
    /// The input is not CSV, or is packed in an unsupported way.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The input has no row.
    #[error("the input has no rows; check the file, and --skip-lines if you gave it")]
    Empty,
    /// The input leaves questions open that the user must answer with options.
    #[error("{questions}{command}")]
    Questions {
        questions: Questions,
        /// `; try: ` and the suggested command, or an empty string.
        command: String,
    },
    /// More than half of the first rows are not quotes.
    #[error("{}, so nothing is sent: {reasons}; read as: {plan}", not_quotes(*rejected, *rows))]
    MostRejected {
        /// Number of rejected rows.
        rejected: usize,
        /// Number of rows that were checked.
        rows: usize,
        /// The first reason of each kind, with its line.
        reasons: String,
        /// The reading plan in one line.
        plan: String,
    },
}

fn not_quotes(rejected: usize, rows: usize) -> String {
    match rows {
        1 => "the only row is not a quote".to_owned(),
        _ if rejected == rows => format!("none of the first {} is a quote", counted(rows as u64, "row", "rows")),
        _ => format!("{rejected} of the first {rows} rows are not quotes"),
    }
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
        /// The record's key and time.
        quote: Quote<'a>,
        /// Number of the row's first line.
        line: u64,
    },
    /// A row that is not a quote.
    Rejected {
        /// Number of the row's first line.
        line: u64,
        /// Reason that it is not a quote.
        reason: Reject,
        /// The row as it is written.
        raw: &'a [u8],
    },
    /// A blank line, or a row without a value for any symbol.
    Blank,
    /// No row yet: the input is a followed file, which may grow.
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
    /// Index of the next record of the current row; 0 if the current row has no further record.
    next_record: usize,
    /// Whether the current row has become a record.
    has_record: bool,
}

impl Source {
    /// Opens an input, creates its reading plan and checks the plan against the first rows.
    ///
    /// # Errors
    /// [`InputError`] if the input cannot be read, its plan needs answers from the user, or more than half of its first
    /// rows are not quotes.
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
        let may_grow = matches!(input, Input::Followed(_)) || !(input.is_repeatable() || sample.is_complete);
        if may_grow && options.bar.is_none() {
            plan.warnings.extend(bar_of_few_rows(&plan, &sample));
        }
        Ok(Self::new(input, plan, encoder, text))
    }

    /// Opens an input again, with the plan that was created for it.
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

    /// Consumes the source and returns its plan.
    pub(crate) fn into_plan(self) -> ReadingPlan {
        self.plan
    }

    /// Returns the input's reading plan.
    pub fn plan(&self) -> &ReadingPlan {
        &self.plan
    }

    /// Reads the next record, rejected row or blank line. The JSON of a quote is written to `json`.
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
                        self.repeats.add(&self.identity, quote.micros)
                    } else {
                        self.repeats.add(quote.symbol.as_bytes(), quote.micros)
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

    /// Returns the number of the line on which the current row begins, if the rest of the row has not arrived yet.
    pub(crate) fn open_line(&self) -> Option<u64> {
        self.rows.is_inside_row().then(|| self.row.line())
    }

    /// Returns the number of the last line if it has no line ending.
    pub(crate) fn unended_line(&self) -> Option<u64> {
        self.rows.unended_line()
    }
}

/// Returns a warning if an input that may grow has bars, but too few rows to show their length.
fn bar_of_few_rows(plan: &ReadingPlan, sample: &Sample) -> Option<String> {
    let rows = sample.head_rows(plan.delimiter);
    let rows = rows.iter().filter(|row| row.place.is_some_and(|place| place.index >= plan.rows_before_data)).count();
    let is_bar = plan.columns.iter().any(|column| column.name == "open");
    (is_bar && rows < MIN_ROWS_OF_BAR).then(|| {
        let rows = counted(rows as u64, "row", "rows");
        format!("the bar length {} is a guess, based on {rows}; set it with --bar", plan.bar)
    })
}

/// Result of one step through the rows of an input.
enum Step {
    /// Number of the record in its row, and its time.
    Quote(usize, i64),
    Rejected(Reject),
    Blank,
    Waiting,
    End,
}

/// Adds `seq` to a quote's JSON unless the quote is the first of its symbol, series and instant (`count` is 1).
fn number_repeat(count: u32, json: &mut Vec<u8>) {
    if count > 1 {
        json.pop();
        json.extend_from_slice(format!(",\"seq\":{count}}}").as_bytes());
    }
}

/// Returns an error if more than half of the first rows are not quotes.
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
