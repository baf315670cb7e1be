//! Assigns roles to the columns of a file, by their titles and their cells.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::date_format::DateFormat;
use super::date_guess::{self, Guess};
use super::number_format::{Evidence, is_missing};
use super::options::PlanOptions;
use super::question::Question;
use super::sample::SampledRow;
use super::time_format::TimeFormat;
use super::titles::{self, Role};
use crate::csv::field_name::snake_case;

/// The titles of a file and sampled rows below them.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) titles: &'a [String],
    pub(super) rows: &'a [SampledRow],
    pub(super) delimiter: u8,
}

impl<'a> Table<'a> {
    /// Returns the cells of a column that are not empty.
    pub(super) fn cells(self, column: usize) -> impl Iterator<Item = &'a str> {
        self.rows.iter().map(move |row| row.cell(column)).filter(|cell| !cell.is_empty())
    }

    /// Returns the title of a column for messages, or the column's number if it has no title.
    pub(super) fn label(self, column: usize) -> String {
        match self.titles.get(column).map(String::as_str) {
            None | Some("") => format!("column {}", column + 1),
            Some(title) => format!("`{title}`"),
        }
    }

    /// Finds a column that an option names: by its title, if necessary ignoring case, blanks and punctuation, or by its
    /// number from 1. Returns `None` if no column matches.
    pub(super) fn find(self, name: &str) -> Option<usize> {
        let exact = self.titles.iter().position(|title| title == name);
        let by_case = || self.titles.iter().position(|title| title.eq_ignore_ascii_case(name));
        let by_key =
            || self.titles.iter().position(|title| !title.is_empty() && titles::key(title) == titles::key(name));
        let by_number = || name.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < self.titles.len());
        exact.or_else(by_case).or_else(by_key).or_else(by_number)
    }

    /// Returns `true` if single letters name all four prices of a bar.
    fn has_letters_of_bars(self) -> bool {
        ["o", "h", "l", "c"].iter().all(|letter| self.titles.iter().any(|title| titles::key(title) == *letter))
    }

    /// Returns the columns whose titles name a role, the strongest match first.
    pub(super) fn ranked(self, role: Role) -> Vec<usize> {
        let mut ranked: Vec<(usize, usize)> = self
            .titles
            .iter()
            .enumerate()
            .filter_map(|(column, title)| Some((titles::rank(title, role)?, column)))
            // Single letters name roles only if all four prices are present, since C and V are also symbols.
            .filter(|(_, column)| titles::key(&self.titles[*column]).len() > 1 || self.has_letters_of_bars())
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, column)| column).collect()
    }

    /// Returns `true` if more than half of a column's cells are numbers, not counting missing cells.
    pub(super) fn is_numeric(self, column: usize) -> bool {
        let (mut numbers, mut others) = (0, 0);
        for cell in self.cells(column).filter(|cell| !is_missing(cell)) {
            match Evidence::default().add(cell, true) {
                true => numbers += 1,
                false => others += 1,
            }
        }
        numbers > others
    }

    /// Returns an option that names a column by its title, quoted if necessary, or by its number if it has no title.
    pub(super) fn option(self, option: &str, column: usize) -> String {
        match self.titles[column].as_str() {
            "" => format!("{option} {}", column + 1),
            title if title.chars().all(|letter| letter.is_alphanumeric() || "_-.".contains(letter)) => {
                format!("{option} {title}")
            }
            title => format!("{option} '{title}'"),
        }
    }

    /// Returns the value that all non-empty cells of a column share. Returns `None` if they differ or all cells are
    /// empty.
    pub(super) fn only_value(self, column: usize) -> Option<&'a str> {
        let mut cells = self.cells(column);
        cells.next().filter(|first| cells.all(|cell| cell == *first))
    }

    /// Returns `true` if a cell of a column of dates has a time of day other than midnight.
    pub(super) fn has_times(self, column: usize, format: &DateFormat) -> bool {
        self.cells(column).filter_map(|cell| format.read(cell)).any(|moment| moment.micros_of_day() != 0)
    }

    /// Returns the column that an option names.
    ///
    /// # Errors
    /// A question without answers if no column has this name.
    pub(super) fn named(self, option: &str, name: &str) -> Result<usize, Question> {
        self.find(name).ok_or_else(|| {
            let titles = self.titles.iter().enumerate().map(|(at, _)| self.label(at)).collect::<Vec<_>>().join(", ");
            Question::new(format!("{option} {name}: no column has this name; found: {titles}"), [] as [&str; 0])
        })
    }
}

/// Number of titles at the beginning of the list for [`Role::Symbol`] that can only mean a symbol: `symbol`, `ticker`
/// and `tickersymbol`.
const STRONG_TITLES: usize = 3;

/// Finds the column with the symbols. Returns `None` if no column has symbols, or if an option gives the symbol.
///
/// # Errors
/// A question if the named column does not exist, or if `--symbol` contradicts a column of symbols.
pub(super) fn symbol(table: Table<'_>, options: &PlanOptions) -> Result<Option<usize>, Question> {
    if let Some(name) = &options.symbol_column {
        return table.named("--symbol-column", name).map(Some);
    }
    if options.symbol_from_file_name {
        return Ok(None);
    }
    let found = table.ranked(Role::Symbol).into_iter().find(|&column| has_symbols(table, column));
    let Some(given) = &options.symbol else { return Ok(found) };
    let own = found.and_then(|column| Some((column, table.cells(column).find(|cell| *cell != given)?)));
    let is_strong =
        |column: usize| titles::rank(&table.titles[column], Role::Symbol).is_some_and(|rank| rank < STRONG_TITLES);
    match own.filter(|(column, _)| is_strong(*column)) {
        Some((column, other)) => Err(Question::new(
            format!(
                "--symbol {given}: column {} has each row's symbol, such as {other}; leave out --symbol",
                table.label(column)
            ),
            [] as [&str; 0],
        )),
        None => Ok(None),
    }
}

/// Returns `true` if the cells can be symbols: not row numbers, prices or dates.
fn has_symbols(table: Table<'_>, column: usize) -> bool {
    let cells: Vec<&str> = table.cells(column).collect();
    let is_strong = titles::rank(&table.titles[column], Role::Symbol).is_some_and(|rank| rank < STRONG_TITLES);
    let is_whole =
        |cell: &str| (cell == "0" || !cell.starts_with('0')) && cell.bytes().all(|byte| byte.is_ascii_digit());
    // Stock indexes have names, so whole numbers in a column with this title are row numbers, even if one is missing or
    // repeated.
    let is_index = titles::key(&table.titles[column]) == "index" && cells.iter().all(|cell| is_whole(cell));
    let are_row_numbers = !is_strong && (is_index || are_row_numbers(table, column));
    let are_fractions = cells.iter().all(|cell| cell.contains('.') && cell.parse::<f64>().is_ok());
    let are_dates = cells.iter().all(|cell| DateFormat::YearMonthDay.read(cell).is_some());
    // A file without rows has nothing but its titles.
    table.rows.is_empty() || !cells.is_empty() && !are_row_numbers && !are_fractions && !are_dates
}

/// Returns `true` for numbers that count the rows: each is one more than the previous one. A single number must be 0 or
/// 1.
fn are_row_numbers(table: Table<'_>, column: usize) -> bool {
    let rows = table.rows.iter().filter(|row| row.place.is_some());
    let numbers: Option<Vec<i64>> = rows.map(|row| row.cell(column).parse().ok()).collect();
    let Some(numbers) = numbers else { return false };
    match numbers.as_slice() {
        [] => false,
        [only] => matches!(only, 0 | 1),
        several => several.windows(2).all(|pair| pair[1] - pair[0] == 1),
    }
}

/// A column with dates, and the formats that its cells allow.
#[derive(Clone, Debug)]
pub(super) struct DateColumn {
    pub(super) column: usize,
    pub(super) guess: Guess,
}

/// Finds the column with the dates. Returns `None` if no column has dates.
///
/// # Errors
/// A question if the named column does not exist, the given format matches no cell, or several columns have dates.
pub(super) fn date(
    table: Table<'_>,
    symbol: Option<usize>,
    options: &PlanOptions,
) -> Result<Option<DateColumn>, Question> {
    // A guess tries each format on each cell, so it is made once for each column, and only if it is needed.
    let guesses = vec![OnceCell::new(); table.titles.len()];
    let guess = |column: usize| -> &Guess {
        guesses[column].get_or_init(|| match &options.date_format {
            Some(format) => Guess::One(format.clone()),
            None if table.rows.is_empty() => Guess::One(DateFormat::YearMonthDay),
            None => date_guess::guess(table.cells(column), options.latest),
        })
    };
    let found = |column: usize| DateColumn { column, guess: guess(column).clone() };
    if let Some(name) = &options.date_column {
        let column = table.named("--date-column", name)?;
        return Ok(Some(found(column)));
    }
    let reads = |column: usize| match &options.date_format {
        Some(format) => table.rows.is_empty() || table.cells(column).any(|cell| format.read(cell).is_some()),
        None => *guess(column) != Guess::None,
    };
    if let Some(format) = &options.date_format
        && let Some(column) = titled_date(table)
        && !(0..table.titles.len()).any(reads)
        && let Some(cell) = table.cells(column).next()
    {
        return Err(Question::new(
            format!(
                "--date-format {format} matches no cell of {}, for example {cell}; leave it out, or give another format",
                table.label(column)
            ),
            [] as [&str; 0],
        ));
    }
    let is_epoch = |column: usize| matches!(guess(column), Guess::One(format) if format.is_epoch());
    let titled = table.ranked(Role::Date).into_iter().filter(|&column| Some(column) != symbol && reads(column));
    // If several titles name the date, a column of dates wins over one of epoch numbers, which becomes an extra field.
    let mut titled: Vec<(bool, usize)> = titled.map(|column| (is_epoch(column), column)).collect();
    titled.sort_by_key(|(is_epoch, _)| *is_epoch);
    if let Some(&(_, column)) = titled.first() {
        return Ok(Some(found(column)));
    }
    let untitled = (0..table.titles.len()).filter(|&column| {
        let is_untitled = table.titles[column].is_empty();
        let is_plain = matches!(
            guess(column),
            Guess::One(
                DateFormat::YearMonthDay
                    | DateFormat::MonthDayYear
                    | DateFormat::DayMonthYear
                    | DateFormat::DayMonthName
                    | DateFormat::MonthNameDay
            ) | Guess::Several(_)
                | Guess::Mixed(..)
        );
        Some(column) != symbol && (is_plain || (is_untitled && *guess(column) != Guess::None)) && reads(column)
    });
    let untitled: Vec<usize> = untitled.collect();
    match untitled.as_slice() {
        [] => Ok(None),
        [column] => Ok(Some(found(*column))),
        several => Err(Question::new(
            format!(
                "several columns contain dates ({})",
                several.iter().map(|&column| table.label(column)).collect::<Vec<_>>().join(", ")
            ),
            several.iter().take(3).map(|&column| table.option("--date-column", column)),
        )),
    }
}

/// Returns the column whose title names the date most clearly, regardless of its cells, or `None` if no title does.
pub(super) fn titled_date(table: Table<'_>) -> Option<usize> {
    table.ranked(Role::Date).first().copied()
}

/// Finds the column with the time of day, for dates without a time of day. Returns `None` if no column has times.
///
/// # Errors
/// A question if the named column does not exist or does not contain times.
pub(super) fn time(
    table: Table<'_>,
    date: Option<usize>,
    options: &PlanOptions,
) -> Result<Option<(usize, TimeFormat)>, Question> {
    let format = |column: usize| TimeFormat::guess(&table.cells(column).collect::<Vec<_>>());
    if let Some(name) = &options.time_column {
        let column = table.named("--time-column", name)?;
        return match format(column) {
            Some(format) => Ok(Some((column, format))),
            None => Err(Question::new(
                format!("--time-column {name}: its cells are not times such as 09:30:00"),
                [] as [&str; 0],
            )),
        };
    }
    let titled = table.ranked(Role::Time).into_iter().filter(|&column| Some(column) != date);
    Ok(titled.filter_map(|column| Some((column, format(column)?))).next())
}

/// Returns the columns of prices and volume by role, and a warning for each role whose titled column does not contain
/// numbers.
pub(super) fn prices(
    table: Table<'_>,
    taken: &[usize],
    symbol: Option<usize>,
    options: &PlanOptions,
) -> (BTreeMap<Role, usize>, Vec<String>) {
    let mut roles = BTreeMap::new();
    let mut warnings = Vec::new();
    for role in Role::NUMBERS {
        let ranked = table.ranked(role).into_iter().filter(|column| !taken.contains(column));
        let (numeric, others): (Vec<usize>, Vec<usize>) = ranked.partition(|&column| {
            table.is_numeric(column) || table.cells(column).all(is_missing) || options.numeric.contains(role.field())
        });
        let rank = |column: &usize| titles::rank(&table.titles[*column], role);
        let is_rivalled = matches!(numeric.as_slice(), [first, second, ..]
            if rank(first) >= Some(titles::WITH_CURRENCY) && rank(first) == rank(second));
        match (numeric.first(), others.first()) {
            // If there are `Close (USD)` and `Close (EUR)`, neither is the close.
            _ if is_rivalled => {}
            (Some(&column), _) => {
                roles.insert(role, column);
            }
            (None, Some(&column)) => {
                let is_word = |cell: &&str| !is_missing(cell) && !Evidence::default().add(cell, true);
                let example = table.cells(column).find(is_word).unwrap_or_default();
                warnings.push(format!(
                    "column {} should contain {role}, but its cells are not numbers (for example {example}); it is kept as text",
                    table.label(column)
                ));
            }
            (None, None) => {}
        }
    }
    if !roles.contains_key(&Role::Volume)
        && let Some(column) = volume_of_symbol(table, taken, symbol)
    {
        roles.insert(Role::Volume, column);
    }
    (roles, warnings)
}

/// Finds a column such as `Volume BTC` in a file of the pair BTC/USDT.
fn volume_of_symbol(table: Table<'_>, taken: &[usize], symbol: Option<usize>) -> Option<usize> {
    let unit = |title: &str| {
        let (word, unit) = title.trim().split_once([' ', '_'])?;
        (titles::rank(word, Role::Volume).is_some()).then(|| unit.to_owned())
    };
    let columns: Vec<(usize, String)> = (0..table.titles.len())
        .filter(|column| !taken.contains(column) && table.is_numeric(*column))
        .filter_map(|column| Some((column, unit(&table.titles[column])?)))
        .collect();
    let fits = |unit: &str| {
        let begins = |symbol: &&str| symbol.get(..unit.len()).is_some_and(|start| start.eq_ignore_ascii_case(unit));
        symbol.is_some_and(|column| table.cells(column).filter(begins).count() * 2 > table.cells(column).count())
    };
    columns.into_iter().find(|(_, unit)| fits(unit)).map(|(column, _)| column)
}

/// Words that occur in the titles of columns whose cells may look like symbols but are not, such as `USD` or `NYSE`.
const WORD_TITLES: [&str; 24] = [
    "currency",
    "ccy",
    "exchange",
    "market",
    "venue",
    "series",
    "type",
    "side",
    "direction",
    "country",
    "sector",
    "status",
    "condition",
    "flag",
    "source",
    "period",
    "per",
    "interval",
    "timeframe",
    "signal",
    "action",
    "pricetype",
    "region",
    "instrumenttype",
];

/// Finds a column outside `taken` whose cells all look like symbols and differ from `symbol`. Columns whose titles
/// contain one of [`WORD_TITLES`] are left out.
pub(super) fn unknown_symbols(table: Table<'_>, taken: &[usize], symbol: &str) -> Option<usize> {
    (0..table.titles.len()).filter(|column| !taken.contains(column)).find(|&column| {
        let key = titles::key(&table.titles[column]);
        let mut cells = table.cells(column).peekable();
        cells.peek().is_some()
            && !WORD_TITLES.iter().any(|word| key.contains(word))
            && cells.all(|cell| titles::is_ticker(cell) && cell != symbol && !is_missing(cell))
    })
}

/// Groups columns such as `AAPL.Open` by symbol, and returns the column of each role for each symbol. Symbols keep the
/// file's order; symbols without a close or an adjusted close are left out.
pub(super) fn by_symbol(pairs: impl Iterator<Item = Option<(String, Role)>>) -> Vec<(String, BTreeMap<Role, usize>)> {
    let mut groups: Vec<(String, BTreeMap<Role, usize>)> = Vec::new();
    for (column, pair) in pairs.enumerate() {
        let Some((symbol, role)) = pair else { continue };
        match groups.iter_mut().find(|(name, _)| *name == symbol) {
            Some((_, roles)) => {
                roles.entry(role).or_insert(column);
            }
            None => groups.push((symbol, BTreeMap::from([(role, column)]))),
        }
    }
    groups.retain(|(_, roles)| roles.contains_key(&Role::Close) || roles.contains_key(&Role::AdjClose));
    groups
}

/// Names of fields that the pipeline adds or declares.
const RESERVED: [&str; 24] = [
    "kafka_topic",
    "kafka_partition",
    "kafka_offset",
    "kafka_timestamp",
    "kafka_generation",
    "kafka_key",
    "kafka_headers",
    "dt",
    "traded_at",
    "bar",
    "zone",
    "seq",
    "simulated",
    "series",
    "symbol",
    "trade_date",
    // Columns of numbers in the table, which text cannot fill.
    "open",
    "high",
    "low",
    "close",
    "adj_close",
    "volume",
    "bid",
    "ask",
];

/// Returns a field name for a column without a role, and adds it to `used`. The name is neither in `used` nor reserved;
/// with `keeps_series`, `series` is not reserved.
pub(super) fn unique_name(title: &str, column: usize, used: &mut Vec<String>, keeps_series: bool) -> String {
    let base = match snake_case(title) {
        _ if keeps_series && titles::rank(title, Role::Series).is_some() => Role::Series.field().to_owned(),
        name if name.is_empty() => format!("column_{}", column + 1),
        name => name,
    };
    let is_free = |name: &String| {
        !used.contains(name) && (!RESERVED.contains(&name.as_str()) || (keeps_series && name == "series"))
    };
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    let name = std::iter::once(base.clone()).chain(numbered).find(is_free).unwrap_or(base);
    used.push(name.clone());
    name
}

/// Returns `true` if a column without a role contains numbers: every sampled cell is a number or missing, at least one
/// is a number, and none is an identifier such as `007`.
pub(super) fn is_number_column(table: Table<'_>, column: usize) -> bool {
    let is_identifier = |cell: &str| {
        let digits = cell.trim_start_matches(['-', '+']);
        digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit()
    };
    let mut has_number = false;
    for cell in table.cells(column).filter(|cell| !is_missing(cell)) {
        if is_identifier(cell) || !Evidence::default().add(cell, false) {
            return false;
        }
        has_number = true;
    }
    has_number
}
