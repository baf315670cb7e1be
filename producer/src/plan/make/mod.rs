//! Creates a reading plan from a sample.

mod bars;
mod dates;
mod fields;
mod preamble;
mod records;
mod repeats;
mod roles;
#[cfg(test)]
mod tests;

use crate::plan::columns::{self, Table};
use crate::plan::dialect::{Dialect, Given, Header};
use crate::plan::options::PlanOptions;
use crate::plan::question::{Question, Questions};
use crate::plan::sample::{Sample, SampledRow};
use crate::plan::{Kind, ReadingPlan, Reason, headerless, known_forms};

/// Reason that a plan cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    /// The input has no row.
    #[error("the input has no rows; check the file, and --skip-lines if you gave it")]
    Empty,
    /// The file is ambiguous: it leaves questions open that the user must answer with options.
    #[error(transparent)]
    Questions(#[from] Questions),
}

/// Creates the plan of one input. `file_name` is `None` for an input without a name.
///
/// # Errors
/// [`PlanError`] if the sample has no row, or leaves questions open that the user must answer.
pub(crate) fn make(file_name: Option<&str>, sample: &Sample, options: &PlanOptions) -> Result<ReadingPlan, PlanError> {
    let given = Given {
        delimiter: options.delimiter,
        skip_lines: options.skip_lines,
        has_header: (options.no_header || !options.columns.is_empty()).then_some(false),
    };
    let dialect = Dialect::find(sample, given).ok_or(PlanError::Empty)?;
    if let Some(question) = preamble::question(&dialect) {
        return Err(Questions(vec![question]).into());
    }
    let rows = data_rows(sample, &dialect);
    let mut maker = Maker {
        options,
        questions: Vec::new(),
        reasons: Vec::new(),
        warnings: Vec::new(),
        last_header_line: dialect.last_header_line,
    };
    let titles = match &dialect.header {
        Header::Titles(titles) | Header::TitlesAndSymbols { titles, .. } => titles[..dialect.width].to_vec(),
        Header::None => match headerless::titles(&rows, dialect.width, options) {
            Ok(titles) => {
                maker.warnings.extend(known_forms::unit_warning(&titles).map(str::to_owned));
                titles
            }
            // Without titles, every other question would follow from this one.
            Err(question) => return Err(Questions(vec![question]).into()),
        },
    };
    maker.dialect_reasons(&dialect);
    let table = Table { titles: &titles, rows: &rows, delimiter: dialect.delimiter.byte() };
    let plan = maker.plan(file_name, &dialect, table);
    maker.check_encoding(sample, &plan, table);
    match maker.questions.is_empty() {
        true => Ok(ReadingPlan { encoding: sample.encoding, reasons: maker.reasons, warnings: maker.warnings, ..plan }),
        false => Err(Questions(maker.questions).into()),
    }
}

/// Returns the sampled rows of data that have the expected number of cells.
fn data_rows(sample: &Sample, dialect: &Dialect) -> Vec<SampledRow> {
    let is_data = |row: &SampledRow| row.place.is_none_or(|place| place.index >= dialect.rows_before_data);
    let widths = dialect.width..=dialect.width + usize::from(dialect.has_trailing_cell);
    let all = sample.head_rows(dialect.delimiter).into_iter().chain(sample.other_rows(dialect.delimiter));
    all.filter(|row| is_data(row) && widths.contains(&row.cells.len())).collect()
}

struct Maker<'a> {
    options: &'a PlanOptions,
    questions: Vec<Question>,
    reasons: Vec<Reason>,
    warnings: Vec<String>,
    last_header_line: u64,
}

impl Maker<'_> {
    fn reason(&mut self, choice: &'static str, value: impl Into<String>, because: impl Into<String>) {
        self.reasons.push(Reason { choice, value: value.into(), because: because.into() });
    }

    /// Returns the option that skips the header, followed by a space, or the empty string for a file without a header.
    fn skip_header(&self) -> String {
        match self.last_header_line {
            0 => String::new(),
            lines => format!("--skip-lines {lines} "),
        }
    }

    /// Returns the value of `result`. If it is a question, records the question and returns the default value.
    fn ask<T: Default>(&mut self, result: Result<T, Question>) -> T {
        result.unwrap_or_else(|question| {
            self.questions.push(question);
            T::default()
        })
    }

    /// Handles an encoding that is a guess. Asks for the encoding if other questions are open or the guess affects more
    /// than titles and text columns. Otherwise, adds a warning.
    fn check_encoding(&mut self, sample: &Sample, plan: &ReadingPlan, table: Table<'_>) {
        let Some(encoding) = sample.guessed_encoding else { return };
        let is_text = |kind: Kind| kind == Kind::Text;
        let deciding = plan.columns.iter().enumerate().filter(|(_, column)| !is_text(column.kind));
        let foreign = deciding.flat_map(|(column, _)| table.cells(column)).find(|cell| !cell.is_ascii());
        match foreign {
            _ if !self.questions.is_empty() => self.questions.insert(
                0,
                Question::new(
                    format!("the file is not UTF-8, and {encoding} is a guess"),
                    ["--encoding NAME".to_owned()],
                ),
            ),
            Some(cell) => self.questions.push(Question::new(
                format!("the file is not UTF-8, and {encoding} is a guess, which decodes one of the cells as {cell}"),
                [format!("--encoding {encoding}"), "--encoding NAME".to_owned()],
            )),
            None => {
                self.warnings.push(format!(
                    "the file is not UTF-8; it is read as {encoding}, which is a guess; set it with --encoding"
                ));
            }
        }
    }

    fn dialect_reasons(&mut self, dialect: &Dialect) {
        let because = if self.options.delimiter.is_some() {
            "--delimiter"
        } else {
            "it splits the rows into equal numbers of cells"
        };
        self.reason("delimiter", dialect.delimiter.to_string(), because);
        let (value, because) = match &dialect.header {
            Header::None => ("none".to_owned(), "the first line is data"),
            Header::Titles(_) => (format!("line {}", dialect.last_header_line), "its cells are titles"),
            Header::TitlesAndSymbols { .. } => {
                (format!("up to line {}", dialect.last_header_line), "a data frame with fields and symbols as columns")
            }
        };
        self.reason("header", value, because);
        if dialect.has_trailing_cell {
            self.reason("trailing cell", "left out", "rows end with a delimiter");
        }
    }

    fn plan(&mut self, file_name: Option<&str>, dialect: &Dialect, table: Table<'_>) -> ReadingPlan {
        let mut symbol = self.ask(columns::symbol(table, self.options));
        let date = columns::date(table, symbol, self.options);
        let is_date_asked = date.is_err();
        let date = self.ask(date);
        let date_at = date.as_ref().map(|date| date.column);
        if symbol == date_at {
            symbol = None;
        }
        let zone = self.options.zone.clone();
        let format = self.date_format(table, date.as_ref());
        let reads_time = date_at.zip(format.as_ref()).is_some_and(|(at, format)| table.has_times(at, format));
        let time = match reads_time && self.options.time_column.is_none() {
            true => None,
            false => self.ask(columns::time(table, date_at, self.options)),
        };
        let dates = self.dates(table, date_at, format, time, is_date_asked, file_name);
        let roles = self.roles(dialect, table, symbol, &dates, file_name);
        let asked = self.questions.len();
        let numbers = self.numbers(table, &roles, &dates);
        // Numbers of an unknown format cannot be compared.
        if self.questions.len() == asked {
            self.check_range(table, &roles, numbers);
        }
        let key = self.key(table);
        let columns = self.columns(table, &roles, &dates, &key);
        let zone = zone.unwrap_or_else(|| self.zone_of_title(table, &dates));
        let records = self.records(&roles, file_name, &columns, table, &dates);
        let series = columns.iter().position(|column| column.name == "series");
        let identity: Vec<usize> = roles.symbol.into_iter().chain(key.iter().copied()).chain(series).collect();
        self.check_repeats(table, &roles, &dates, &identity);
        let bar = self.bar(table, &roles, &dates, &identity, &columns);
        ReadingPlan {
            encoding: None,
            delimiter: dialect.delimiter,
            last_header_line: dialect.last_header_line,
            rows_before_data: dialect.rows_before_data,
            has_trailing_cell: dialect.has_trailing_cell,
            columns,
            records,
            dates,
            zone,
            bar,
            numbers,
            key,
            reasons: Vec::new(),
            warnings: Vec::new(),
        }
    }
}
