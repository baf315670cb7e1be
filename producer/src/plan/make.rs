//! Makes a reading plan from a sample.

use std::collections::BTreeMap;

use super::bar::{self, Bar, Spot};
use super::columns::{self, DateColumn, Table, TimeFormat};
use super::date_format::DateFormat;
use super::date_guess::Guess;
use super::dialect::{Dialect, Given, Header};
use super::headerless;
use super::moment::Zone;
use super::number_format::{DecimalSign, Evidence, NumberFormat, is_missing};
use super::options::PlanOptions;
use super::question::{Question, Questions};
use super::sample::{Sample, SampledRow};
use super::symbol_name::{stem, symbol_of_file};
use super::titles::{self, Role};
use super::words::is_word;
use super::{Column, Dates, Kind, ReadingPlan, Reason, RecordPlan};

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    /// The input has no row.
    #[error("the input is empty; its first line must name the columns")]
    Empty,
    /// The file leaves questions open.
    #[error(transparent)]
    Questions(#[from] Questions),
}

/// Makes the plan of one input. `file_name` is `None` for an input without a name.
///
/// # Errors
/// [`PlanError`] if the sample has no row, or leaves more than one reading.
pub(crate) fn make(file_name: Option<&str>, sample: &Sample, options: &PlanOptions) -> Result<ReadingPlan, PlanError> {
    let given = Given {
        delimiter: options.delimiter,
        skip_lines: options.skip_lines,
        has_header: (options.no_header || !options.columns.is_empty()).then_some(false),
    };
    let dialect = Dialect::find(sample, given).ok_or(PlanError::Empty)?;
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
            Ok(titles) => titles,
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

/// Returns the sampled rows of data that have as many cells as the header.
fn data_rows(sample: &Sample, dialect: &Dialect) -> Vec<SampledRow> {
    let is_data = |row: &SampledRow| row.place.is_none_or(|place| place.index >= dialect.rows_before_data);
    let width = dialect.width + usize::from(dialect.has_trailing_cell);
    let all = sample.head_rows(dialect.delimiter).into_iter().chain(sample.other_rows(dialect.delimiter));
    all.filter(|row| is_data(row) && row.cells.len() == width).collect()
}

struct Maker<'a> {
    options: &'a PlanOptions,
    questions: Vec<Question>,
    reasons: Vec<Reason>,
    warnings: Vec<String>,
    last_header_line: u64,
}

/// The roles of columns, and the records of a row.
struct Roles {
    symbol: Option<usize>,
    prices: BTreeMap<Role, usize>,
    /// The columns of each symbol, if rows hold several.
    groups: Vec<(String, BTreeMap<Role, usize>)>,
}

impl Maker<'_> {
    fn reason(&mut self, choice: &'static str, value: impl Into<String>, because: impl Into<String>) {
        self.reasons.push(Reason { choice, value: value.into(), because: because.into() });
    }

    /// Keeps a question, and goes on as if there were no answer.
    fn ask<T: Default>(&mut self, result: Result<T, Question>) -> T {
        result.unwrap_or_else(|question| {
            self.questions.push(question);
            T::default()
        })
    }

    /// Asks for an encoding that is a guess if the guess decides more than titles and texts.
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
                format!("the file is not UTF-8, and {encoding} is a guess, by which a cell is {cell}"),
                [format!("--encoding {encoding}"), "--encoding NAME".to_owned()],
            )),
            None => {
                self.warnings.push(format!("the file is not UTF-8; read as {encoding}, which is a guess (--encoding)"));
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
                (format!("lines to {}", dialect.last_header_line), "a data frame with fields and symbols as columns")
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
        let reads_time = format.as_ref().is_some_and(|format| {
            date_at
                .is_some_and(|at| table.cells(at).filter_map(|cell| format.read(cell)).any(|read| read.time.is_some()))
        });
        let time = match reads_time && self.options.time_column.is_none() {
            true => None,
            false => self.ask(columns::time(table, date_at, self.options)),
        };
        let dates = self.dates(table, date_at, format, time, is_date_asked);
        let roles = self.roles(dialect, table, symbol, &dates, file_name);
        let numbers = self.numbers(table, &roles, &dates);
        let key = self.key(table);
        let columns = self.columns(table, &roles, &dates, &key);
        let zone = zone.unwrap_or_else(|| self.zone_of_title(table, &dates));
        let records = self.records(&roles, file_name, &columns, table);
        let bar = self.bar(table, &roles, &dates, &key, &columns);
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

    fn date_format(&mut self, table: Table<'_>, date: Option<&DateColumn>) -> Option<DateFormat> {
        let DateColumn { column, guess } = date?;
        let label = table.label(*column);
        let example = table.cells(*column).next().unwrap_or_default().to_owned();
        match guess {
            Guess::One(format) => {
                let because = match &self.options.date_format {
                    Some(_) => "--date-format".to_owned(),
                    None => format!("no other format reads every sampled cell, such as {example}"),
                };
                self.reason("date", format!("{label} as {format} ({})", format.example()), because);
                Some(format.clone())
            }
            Guess::Several(formats) => {
                let readings: Vec<String> = formats
                    .iter()
                    .filter_map(|format| Some(format!("{} ({format})", format.read(&example)?.date)))
                    .collect();
                self.questions.push(Question::new(
                    format!("{label}: {example} can be {}", readings.join(" or ")),
                    formats.iter().map(|format| format!("--date-format {format}")),
                ));
                None
            }
            Guess::Mixed(one, other) => {
                self.questions.push(Question::new(
                    format!("{label} mixes formats: {one} and {other}"),
                    ["--date-format FORMAT (rows in another format are rejected)"],
                ));
                None
            }
            Guess::None => {
                self.questions.push(Question::new(
                    format!("{label}: the format of {example} is not known"),
                    ["--date-format FORMAT, such as %d/%m/%Y"],
                ));
                None
            }
        }
    }

    fn dates(
        &mut self,
        table: Table<'_>,
        date: Option<usize>,
        format: Option<DateFormat>,
        time: Option<(usize, TimeFormat)>,
        is_asked: bool,
    ) -> Dates {
        match (date, format, time, self.options.date) {
            (_, _, Some((column, format)), Some(date)) => {
                self.reason("date", date.to_string(), "--date");
                Dates::Given(date, column, format)
            }
            (Some(date), format, Some((time, time_format)), None) => {
                self.reason("time", "a separate column", "its cells are times of day");
                Dates::WithTime(date, format.unwrap_or(DateFormat::YearMonthDay), time, time_format)
            }
            (Some(date), format, None, _) => Dates::Column(date, format.unwrap_or(DateFormat::YearMonthDay)),
            (None, _, Some((time, format)), None) => {
                self.questions.push(Question::new("rows have a time but no date", ["--date YYYY-MM-DD"]));
                Dates::Given(jiff::civil::Date::MIN, time, format)
            }
            // Where dates were to be found has been asked.
            (None, _, None, _) if is_asked => Dates::Column(0, DateFormat::YearMonthDay),
            (None, _, None, _) => {
                let answer = match self.options.date {
                    Some(_) => "--time-column NAME",
                    None => "--date-column NAME",
                };
                let titled = columns::titled_date(table).filter(|_| self.options.date.is_none());
                self.questions.push(match titled.and_then(|column| Some((column, table.cells(column).next()?))) {
                    Some((column, cell)) => Question::new(
                        format!("{} has no dates that can be read, such as {cell}", table.label(column)),
                        ["--date-format FORMAT, such as %d/%m/%Y,", answer],
                    ),
                    None => Question::new("no column has dates", [answer]),
                });
                Dates::Column(0, DateFormat::YearMonthDay)
            }
        }
    }

    fn roles(
        &mut self,
        dialect: &Dialect,
        table: Table<'_>,
        symbol: Option<usize>,
        dates: &Dates,
        file_name: Option<&str>,
    ) -> Roles {
        let taken: Vec<usize> = symbol.into_iter().chain(dates.columns()).collect();
        let (prices, warnings) = columns::prices(table, &taken, symbol, self.options);
        let mut groups = match &dialect.header {
            Header::TitlesAndSymbols { symbols, .. } => columns::by_symbol(
                table
                    .titles
                    .iter()
                    .zip(symbols)
                    .map(|(title, symbol)| Some((symbol.clone(), titles::price_role(title)?))),
            ),
            _ if prices.contains_key(&Role::Close) => Vec::new(),
            _ => columns::by_symbol(table.titles.iter().map(|title| titles::symbol_and_role(title))),
        };
        self.check_titles(table, &prices, &groups);
        let named = self.options.symbol.is_some() || self.options.symbol_from_file_name || symbol.is_some();
        if groups.is_empty() && prices.is_empty() && !named {
            groups = self.wide(table, &taken, file_name);
        }
        if groups.len() > 1 && named {
            self.questions.push(Question::new(
                format!(
                    "rows hold the prices of {} symbols side by side, so a symbol for all of them is wrong",
                    groups.len()
                ),
                [] as [&str; 0],
            ));
        }
        if let [(name, roles)] = groups.as_slice() {
            let prices = roles.clone();
            let groups = if named { Vec::new() } else { vec![(name.clone(), roles.clone())] };
            return Roles { symbol, prices, groups };
        }
        if groups.len() > 1 {
            return Roles { symbol: None, prices: BTreeMap::new(), groups };
        }
        self.warnings.extend(warnings);
        Roles { symbol, prices, groups }
    }

    /// Asks about titles of prices that occur twice, and about titles that may be symbols as well as prices.
    fn check_titles(
        &mut self,
        table: Table<'_>,
        prices: &BTreeMap<Role, usize>,
        groups: &[(String, BTreeMap<Role, usize>)],
    ) {
        if !groups.is_empty() {
            return;
        }
        let keys: Vec<String> = table.titles.iter().map(|title| titles::key(title)).collect();
        let twice = (0..keys.len())
            .find(|&at| titles::price_role(&table.titles[at]).is_some() && keys[..at].contains(&keys[at]));
        let names = || {
            let mut names: Vec<String> = Vec::new();
            for key in &keys {
                let numbered = (2..).map(|number| format!("{key}_{number}"));
                names.extend(std::iter::once(key.clone()).chain(numbered).find(|name| !names.contains(name)));
            }
            names.join(",")
        };
        if let Some(at) = twice {
            self.questions.push(Question::new(
                format!("several columns are titled {}", table.label(at)),
                [format!("--skip-lines {} --columns {} (a different name for each)", self.last_header_line, names())],
            ));
        }
        let has_price = [Role::Close, Role::Bid, Role::Ask].iter().any(|role| prices.contains_key(role));
        let others: Vec<&String> =
            table.titles.iter().filter(|title| titles::rank(title, Role::Date).is_none()).collect();
        let may_be_symbols = others.len() > 1 && others.iter().all(|title| titles::is_ticker(title) && !is_word(title));
        let some_are_no_prices = others.iter().any(|title| titles::price_role(title).is_none());
        if !prices.is_empty() && !has_price && may_be_symbols && some_are_no_prices && self.options.columns.is_empty() {
            self.questions.push(Question::new(
                format!(
                    "{} may be symbols or prices",
                    others.iter().map(|title| title.as_str()).collect::<Vec<_>>().join(", ")
                ),
                [format!(
                    "--skip-lines {} --columns {} (with the names that they have)",
                    self.last_header_line,
                    names()
                )],
            ));
        }
    }

    /// Recognises a table of closes with a column for each symbol.
    fn wide(
        &mut self,
        table: Table<'_>,
        taken: &[usize],
        file_name: Option<&str>,
    ) -> Vec<(String, BTreeMap<Role, usize>)> {
        let others: Vec<usize> = (0..table.titles.len()).filter(|column| !taken.contains(column)).collect();
        // One damaged cell does not make a column of text.
        let is_price =
            |column: usize| columns::is_number_column(table, column) || (others.len() == 1 && table.is_numeric(column));
        let is_close = |column: &usize| {
            titles::is_ticker(&table.titles[*column]) && !is_word(&table.titles[*column]) && is_price(*column)
        };
        // A single column is named after the symbol of the file, if the file has one.
        let contradicts = |column: usize| {
            let symbol = file_name.and_then(symbol_of_file);
            symbol.is_some_and(|symbol| !symbol.eq_ignore_ascii_case(&table.titles[column]))
        };
        let is_other = others.len() == 1 && contradicts(others[0]);
        if others.is_empty() || !others.iter().all(is_close) || is_other {
            return Vec::new();
        }
        self.reason(
            "columns",
            "one symbol each, with its close",
            "every title but the date's is a ticker, every cell a number",
        );
        others.iter().map(|&column| (table.titles[column].clone(), BTreeMap::from([(Role::Close, column)]))).collect()
    }

    fn numbers(&mut self, table: Table<'_>, roles: &Roles, dates: &Dates) -> NumberFormat {
        let mut evidence = Evidence::default();
        // A whole number beside `4.005` and no other fraction: a program that pads to three digits would have padded it.
        let mut is_unpadded = None;
        let priced = roles.prices.values().chain(roles.groups.iter().flat_map(|(_, roles)| roles.values()));
        let priced: Vec<usize> = priced.copied().collect();
        for column in 0..table.titles.len() {
            if dates.columns().any(|dated| dated == column) || Some(column) == roles.symbol {
                continue;
            }
            let mut own = Evidence::default();
            let cells = || table.cells(column).filter(|cell| !is_missing(cell));
            let numbers = cells().filter(|cell| own.add(cell, true)).count();
            // Text with a comma says nothing of numbers.
            if priced.contains(&column) || (numbers > 0 && numbers == cells().count()) {
                if own.ambiguous_point.is_some() && own.point.is_none() {
                    let whole = |cell: &&str| cell.parse::<u64>().is_ok_and(|number| number > 0);
                    is_unpadded = is_unpadded.or(cells().find(whole).and_then(|_| own.ambiguous_point.clone()));
                }
                evidence.merge(own);
            }
        }
        if let Some(decimal) = self.options.decimal {
            self.reason("numbers", format!("{decimal:?} as decimal sign"), "--decimal");
            return NumberFormat { decimal, has_groups: true };
        }
        let ask = |problem: String| Question::new(problem, ["--decimal point", "--decimal comma"]);
        let has_day_first = matches!(dates, Dates::Column(column, DateFormat::DayMonthYear)
            if table.cells(*column).any(|cell| cell.contains('/')));
        let is_european = (table.delimiter == b';' || has_day_first) && evidence.point.is_none();
        let whole = is_unpadded.or(evidence.ambiguous_point.filter(|_| is_european));
        match (evidence.point, evidence.comma, evidence.ambiguous) {
            (None, None, _) if whole.is_some() => {
                let cell = whole.unwrap_or_default();
                self.questions.push(ask(format!("{cell} can be {} or a thousandth of it", cell.replace('.', ""))));
                NumberFormat::default()
            }
            (Some(point), Some(comma), _) => {
                self.questions.push(ask(format!("numbers have decimal points ({point}) and decimal commas ({comma})")));
                NumberFormat::default()
            }
            (None, Some(comma), _) => {
                self.reason("numbers", "decimal commas", format!("a number such as {comma}"));
                NumberFormat { decimal: DecimalSign::Comma, has_groups: true }
            }
            (None, None, Some(cell)) => {
                self.questions
                    .push(ask(format!("{cell} can be a thousand times as much as {}", cell.replace(',', "."))));
                NumberFormat::default()
            }
            (point, None, ambiguous) => NumberFormat {
                decimal: DecimalSign::Point,
                has_groups: ambiguous.is_some() || point.is_some_and(|point| point.contains(',')),
            },
        }
    }

    fn key(&mut self, table: Table<'_>) -> Vec<usize> {
        let mut key = Vec::new();
        for name in &self.options.key {
            key.extend(self.ask(table.named("--key", name).map(Some)));
        }
        key
    }

    fn columns(&mut self, table: Table<'_>, roles: &Roles, dates: &Dates, key: &[usize]) -> Vec<Column> {
        let mut used: Vec<String> = roles.prices.keys().map(|role| role.field().to_owned()).collect();
        let grouped = |column: usize| {
            let mut all = roles.groups.iter().flat_map(|(_, roles)| roles);
            all.find(|(_, at)| **at == column).map(|(role, _)| *role)
        };
        for (_, group) in &roles.groups {
            used.extend(group.keys().map(|role| role.field().to_owned()));
        }
        let mut columns = Vec::new();
        for (column, title) in table.titles.iter().enumerate() {
            let role =
                roles.prices.iter().find(|(_, at)| **at == column).map(|(role, _)| *role).or_else(|| grouped(column));
            let (name, kind) = match (dates, role) {
                (Dates::Column(date, _) | Dates::WithTime(date, ..), _) if column == *date => {
                    ("trade_date".to_owned(), Kind::Date)
                }
                (Dates::WithTime(_, _, time, _) | Dates::Given(_, time, _), _) if column == *time => {
                    (String::new(), Kind::Time)
                }
                _ if Some(column) == roles.symbol => ("symbol".to_owned(), Kind::Symbol),
                _ if key.contains(&column) => (String::new(), Kind::Key),
                (_, Some(role)) => (role.field().to_owned(), Kind::Number { magnitudes: role == Role::Volume }),
                (_, None) => {
                    let name = columns::unique_name(title, column, &mut used, key.is_empty());
                    let is_number = (self.options.numeric.contains(&name) || columns::is_number_column(table, column))
                        && !self.options.text.contains(&name)
                        && name != "series";
                    (name, if is_number { Kind::Number { magnitudes: false } } else { Kind::Text })
                }
            };
            columns.push(Column { title: title.clone(), name, kind });
        }
        self.column_warnings(&columns, roles);
        columns
    }

    fn column_warnings(&mut self, columns: &[Column], roles: &Roles) {
        let renamed = columns.iter().filter(|column| {
            let plain = crate::csv::field_name::snake_case(&column.title);
            matches!(column.kind, Kind::Text | Kind::Number { .. })
                && column.name.strip_prefix(plain.as_str()).is_some_and(|rest| {
                    rest.strip_prefix('_').is_some_and(|number| number.parse::<u32>().is_ok()) && !plain.is_empty()
                })
        });
        let renamed: Vec<String> = renamed.map(|column| format!("{} becomes {}", column.title, column.name)).collect();
        if !renamed.is_empty() {
            self.warnings.push(format!("names that are taken get a number: {}", renamed.join(", ")));
        }
        let has = |role: Role| {
            roles.prices.contains_key(&role) || roles.groups.iter().any(|(_, group)| group.contains_key(&role))
        };
        if ![Role::Close, Role::Bid, Role::Ask].into_iter().any(has) {
            let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
            self.warnings.push(format!(
                "no column holds a close, a last price, or bid and ask; if one does, call it `close` in --skip-lines {} --columns '{}'",
                self.last_header_line,
                titles.join(",")
            ));
        }
    }

    fn zone_of_title(&mut self, table: Table<'_>, dates: &Dates) -> Zone {
        // The zone belongs to the time, which is in the last of these columns.
        let column = dates.columns().next_back().unwrap_or(0);
        let title = table.titles.get(column).map_or("", String::as_str);
        let key = titles::key(title);
        // `GMT+2 time` is not GMT.
        let has_offset = title.contains('+') || title.bytes().any(|byte| byte.is_ascii_digit());
        let is_utc = !has_offset
            && (key.ends_with("utc") || key.starts_with("gmt") || key.starts_with("utc") || key.ends_with("gmt"));
        if is_utc {
            self.reason("zone", "UTC", format!("the title {}", table.label(column)));
            return Zone::Utc;
        }
        Zone::AsWritten
    }

    fn records(
        &mut self,
        roles: &Roles,
        file_name: Option<&str>,
        columns: &[Column],
        table: Table<'_>,
    ) -> Vec<RecordPlan> {
        let all = |keep: &dyn Fn(usize) -> bool| (0..columns.len()).filter(|column| keep(*column)).collect::<Vec<_>>();
        if roles.groups.len() > 1 {
            let owner =
                |column: usize| roles.groups.iter().position(|(_, group)| group.values().any(|at| *at == column));
            self.reason(
                "symbol",
                format!("{} symbols side by side", roles.groups.len()),
                "columns are named by symbol",
            );
            let records = roles.groups.iter().enumerate().map(|(at, (symbol, group))| RecordPlan {
                symbol: Some(symbol.clone()),
                columns: all(&|column| owner(column).is_none_or(|owner| owner == at)),
                needs: group.values().copied().collect(),
            });
            return records.collect();
        }
        let symbol = match (roles.symbol, &self.options.symbol, roles.groups.as_slice()) {
            (Some(column), ..) => {
                let because =
                    if self.options.symbol_column.is_some() { "--symbol-column" } else { "its title and its cells" };
                self.reason("symbol", table.label(column), because);
                None
            }
            (None, Some(symbol), _) => {
                self.reason("symbol", symbol.clone(), "--symbol");
                Some(symbol.clone())
            }
            (None, None, [(symbol, _)]) => {
                self.reason("symbol", symbol.clone(), "the titles of the columns");
                Some(symbol.clone())
            }
            (None, None, _) => {
                let taken: Vec<usize> = roles.prices.values().copied().collect();
                let symbol = self.symbol_of_name(file_name);
                let rival = symbol.as_deref().and_then(|symbol| columns::unknown_symbols(table, &taken, symbol));
                if let (Some(symbol), Some(column), false) = (&symbol, rival, self.options.symbol_from_file_name) {
                    self.questions.push(Question::new(
                        format!("the file's name is {symbol}, but {} may have the symbols", table.label(column)),
                        [
                            format!("--symbol-column {}", columns::argument(&table.titles[column], column)),
                            format!("--symbol {symbol}"),
                        ],
                    ));
                }
                symbol
            }
        };
        vec![RecordPlan { symbol, columns: all(&|_| true), needs: Vec::new() }]
    }

    fn symbol_of_name(&mut self, file_name: Option<&str>) -> Option<String> {
        if self.options.symbol_column.is_some() {
            // The column was not found, which has been asked.
            return None;
        }
        if self.options.symbol_from_file_name {
            let Some(name) = file_name.map(stem).filter(|name| !name.is_empty()) else {
                self.questions
                    .push(Question::new("the input has no name to take the symbol from", ["--symbol SYMBOL"]));
                return None;
            };
            self.reason("symbol", name, "--symbol-from file-name");
            return Some(name.to_owned());
        }
        match file_name.and_then(symbol_of_file) {
            Some(symbol) => {
                self.reason("symbol", symbol.clone(), "no column has symbols, and the file is named after one");
                Some(symbol)
            }
            None => {
                let mut answers = vec!["--symbol SYMBOL".to_owned()];
                if let Some(name) = file_name.map(stem).filter(|name| !name.is_empty()) {
                    answers.push(format!("--symbol-from file-name (which is {name})"));
                }
                answers.push("--symbol-column NAME".to_owned());
                self.questions.push(Question::new("no column has symbols", answers));
                None
            }
        }
    }

    fn bar(&mut self, table: Table<'_>, roles: &Roles, dates: &Dates, key: &[usize], columns: &[Column]) -> Bar {
        if let Some(bar) = self.options.bar {
            self.reason("bar", bar.to_string(), "--bar");
            return bar;
        }
        if let Some((bar, label)) = bar_of_column(table, columns) {
            self.reason("bar", bar.to_string(), format!("every cell of {label}"));
            return bar;
        }
        let series = columns.iter().position(|column| column.name == "series");
        let spot = |row: &SampledRow| {
            let moment = dates.read(|column| row.cell(column)).ok()?;
            let mut symbol = roles.symbol.map_or(String::new(), |column| row.cell(column).to_owned());
            for column in key.iter().copied().chain(series) {
                symbol.push('/');
                symbol.push_str(row.cell(column));
            }
            Some(Spot { symbol, micros: moment.local_micros(), has_time: moment.time.is_some() })
        };
        // Rows from further on do not follow these.
        let spots: Vec<Spot> = table.rows.iter().filter(|row| row.place.is_some()).filter_map(spot).collect();
        let has = |role: Role| {
            let column =
                roles.prices.get(&role).or_else(|| roles.groups.first().and_then(|(_, group)| group.get(&role)));
            column.is_some_and(|&column| table.cells(column).any(|cell| !is_missing(cell)))
        };
        let has_range = has(Role::Open) && has(Role::High) && has(Role::Low);
        let bar = bar::find(&spots, has_range);
        let because = match bar {
            Bar::Tick if !has_range => "rows have a time and no open, high and low",
            Bar::Tick => "rows are at irregular times",
            bar if bar.is_daily_or_longer() => "the distance of the rows' dates",
            _ => "the distance of the rows' times",
        };
        self.reason("bar", bar.to_string(), because);
        bar
    }
}

/// Returns the length of the bars from a column such as Stooq's `<PER>`, if all rows have the same.
fn bar_of_column(table: Table<'_>, columns: &[Column]) -> Option<(Bar, String)> {
    let column = columns
        .iter()
        .position(|column| matches!(titles::key(&column.title).as_str(), "per" | "interval" | "timeframe" | "bar"))?;
    let mut cells = table.cells(column);
    let first = cells.next()?;
    if cells.any(|cell| cell != first) {
        return None;
    }
    let bar = match first {
        "D" | "d" | "daily" => Bar::DAY,
        "W" | "w" | "weekly" => "1w".parse().ok()?,
        "M" | "monthly" => "1mo".parse().ok()?,
        "H" => "1h".parse().ok()?,
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => match number.parse::<u32>().ok()? {
            minutes if minutes >= 60 && minutes % 60 == 0 => format!("{}h", minutes / 60).parse().ok()?,
            minutes => format!("{minutes}m").parse().ok()?,
        },
        text => text.parse().ok()?,
    };
    Some((bar, table.label(column)))
}
