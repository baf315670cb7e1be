//! Turns a row into a record: one JSON object on one line, with the symbol as its key.

use jiff::Timestamp;
use jiff::civil::Date;

use super::json::write_string;
use super::number::{NumberError, write_cell};
use super::reject::{Reject, shortened};
use crate::csv::row::Row;
use crate::plan::bar::Bar;
use crate::plan::date_guess::is_plausible;
use crate::plan::moment::{LocalTimeError, Moment, Zone, write_date, write_instant};
use crate::plan::number_format::{NumberFormat, is_missing};
use crate::plan::options::latest_date;
use crate::plan::text::zone_name;
use crate::plan::titles::is_price_field;
use crate::plan::{Column, Dates, Kind, ReadingPlan, RecordPlan, UnreadableCell};

/// The key and the time of an encoded record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The record's key.
    pub symbol: &'a str,
    /// The time of the trade, in microseconds since 1970-01-01T00:00:00Z. A time without a zone is taken as UTC.
    pub micros: i64,
}

/// Encoder that turns the rows of one file into JSON.
#[derive(Debug)]
pub(crate) struct RecordEncoder {
    width: usize,
    has_trailing_cell: bool,
    records: Vec<Fields>,
    dates: Dates,
    zone: Zone,
    bar: Bar,
    /// The JSON of the field `bar`, with a comma in front.
    bar_json: Vec<u8>,
    numbers: NumberFormat,
    latest: Date,
    /// Columns that are joined into `series`, with their titles.
    key: Vec<(usize, String)>,
    /// The column whose cell is the series.
    series: Option<usize>,
}

/// How to encode one of the records that a row becomes.
#[derive(Debug)]
struct Fields {
    symbol: Option<String>,
    symbol_column: Option<usize>,
    fields: Vec<Field>,
    /// The record is written only if at least one of these columns has a value, or if the list is empty.
    needs: Vec<usize>,
}

#[derive(Debug)]
struct Field {
    column: usize,
    name: String,
    action: Action,
    /// The JSON before the value: a comma, the field's name and a colon. The first field has a brace instead of the
    /// comma, followed by the symbol if no column contains it.
    prefix: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Symbol,
    Date,
    Number {
        magnitudes: bool,
        /// Whether a number with leading zeros is a code rather than a price.
        may_be_code: bool,
    },
    /// The part of the identity that distinguishes quotes of a symbol; blanks around it are left out.
    Series,
    Text,
}

/// Returns `true` for `007`, but not for `0.5`.
fn has_leading_zeros(number: &str) -> bool {
    matches!(number.as_bytes(), [b'0', b'0'..=b'9', ..])
}

impl RecordEncoder {
    /// Creates an encoder for the rows of one file. It rejects rows with a date after `latest`.
    #[must_use]
    pub(crate) fn new(plan: &ReadingPlan, latest: Date) -> Self {
        let title = |column: usize| match plan.columns[column].title.as_str() {
            "" => format!("column {}", column + 1),
            title => title.to_owned(),
        };
        RecordEncoder {
            width: plan.width(),
            has_trailing_cell: plan.has_trailing_cell,
            records: plan.records.iter().map(|record| Fields::new(record, &plan.columns, &plan.dates)).collect(),
            dates: plan.dates.clone(),
            zone: plan.zone.clone(),
            bar: plan.bar,
            bar_json: format!(",\"bar\":\"{}\"", plan.bar).into_bytes(),
            numbers: plan.numbers,
            latest,
            key: plan.key.iter().map(|&column| (column, title(column))).collect(),
            series: plan.columns.iter().position(|column| column.name == "series"),
        }
    }

    /// Returns the maximum number of records that a row can become.
    #[must_use]
    pub(crate) fn records_per_row(&self) -> usize {
        self.records.len()
    }

    /// Writes record number `record` of a row, counted from 0, to `json` as a JSON object without a line ending,
    /// replacing its content. Returns `None` if the row has no values for this record's symbol.
    ///
    /// # Errors
    /// `Reject` if the row is not a quote; the content of `json` is then undefined.
    pub(crate) fn encode<'a>(
        &'a self,
        row: &'a Row,
        record: usize,
        json: &mut Vec<u8>,
    ) -> Result<Option<Quote<'a>>, Reject> {
        let cells = self.cells(row)?;
        let Some(record) = self.records.get(record) else { return Ok(None) };
        if !record.needs.is_empty() && record.needs.iter().all(|&column| is_missing(cells.get(column).trim())) {
            return Ok(None);
        }
        json.clear();
        let mut quote = Quote { symbol: record.symbol.as_deref().unwrap_or_default(), micros: 0 };
        for field in &record.fields {
            // The cells are valid UTF-8 together, but a delimiter or a quote may have cut a character in two.
            let cell = cells.try_get(field.column).ok_or(Reject::NotUtf8)?;
            json.extend_from_slice(&field.prefix);
            match field.action {
                Action::Series => match cell.trim() {
                    "" => json.extend_from_slice(b"null"),
                    series => write_string(series, json),
                },
                Action::Text if cell.is_empty() => json.extend_from_slice(b"null"),
                Action::Text => write_string(cell, json),
                Action::Symbol => {
                    let symbol = cell.trim();
                    if symbol.is_empty() {
                        return Err(Reject::NoSymbol);
                    }
                    write_string(symbol, json);
                    quote.symbol = symbol;
                }
                Action::Date => quote.micros = self.write_date(cells, json)?,
                Action::Number { magnitudes, may_be_code } => {
                    let number = cell.trim();
                    let written = match may_be_code && has_leading_zeros(number) {
                        true => Err(NumberError::LeadingZeros),
                        false => write_cell(number, self.numbers, magnitudes, json),
                    };
                    written.map_err(|source| Reject::Number {
                        column: field.name.clone(),
                        source,
                        cell: shortened(number),
                    })?;
                }
            }
        }
        if !self.key.is_empty() {
            self.write_key(cells, json)?;
        }
        json.push(b'}');
        Ok(Some(quote))
    }

    /// Returns the symbol of record number `record` of a row, which [`encode`](Self::encode) must have accepted.
    pub(crate) fn symbol<'a>(&'a self, row: &'a Row, record: usize) -> &'a str {
        let Some(fields) = self.records.get(record) else { return "" };
        match (&fields.symbol, fields.symbol_column) {
            (Some(symbol), _) => symbol,
            (None, Some(column)) => std::str::from_utf8(row.cell(column)).unwrap_or_default().trim(),
            (None, None) => "",
        }
    }

    /// Returns `true` if the file's quotes have a series, which distinguishes quotes of the same symbol at the same
    /// instant.
    pub(crate) fn has_series(&self) -> bool {
        self.series.is_some() || !self.key.is_empty()
    }

    /// Appends the cells of the row's series to `identity`.
    pub(crate) fn append_series(&self, row: &Row, identity: &mut Vec<u8>) {
        for column in self.key.iter().map(|(column, _)| *column).chain(self.series) {
            identity.push(0);
            identity.extend_from_slice(row.cell(column).trim_ascii());
        }
    }

    fn cells<'a>(&self, row: &'a Row) -> Result<Cells<'a>, Reject> {
        let text = std::str::from_utf8(row.text()).map_err(|_| Reject::NotUtf8)?;
        let cells = Cells { text, row };
        let has_empty_end =
            self.has_trailing_cell && row.len() == self.width + 1 && cells.get(self.width).trim().is_empty();
        if row.len() != self.width && !has_empty_end {
            return Err(Reject::FieldCount { expected: self.width, found: row.len() });
        }
        Ok(cells)
    }

    fn write_date(&self, cells: Cells<'_>, json: &mut Vec<u8>) -> Result<i64, Reject> {
        let moment = self.read_moment(cells)?;
        // A feed may run for days, so the latest date may have advanced.
        if !is_plausible(moment.date, self.latest) && !is_plausible(moment.date, latest_date(Timestamp::now())) {
            return Err(Reject::ImplausibleDate(moment.date));
        }
        json.push(b'"');
        write_date(moment.date, json);
        json.push(b'"');
        let (micros, is_utc) = moment.instant(&self.zone).map_err(|error| Reject::LocalTime {
            cell: shortened(&self.date_cells(cells)),
            zone: match &self.zone {
                Zone::Named(zone) => zone_name(zone),
                Zone::AsWritten | Zone::Utc => String::new(),
            },
            repeated: error == LocalTimeError::Repeated,
        })?;
        json.extend_from_slice(&self.bar_json);
        let has_time = moment.time.is_some_and(|time| time != 0 || !self.bar.is_daily_or_longer());
        if has_time {
            json.extend_from_slice(br#","traded_at":""#);
            write_instant(micros, json);
            json.extend_from_slice(if is_utc { br#"","zone":"UTC""# } else { br#"""# });
        }
        Ok(micros)
    }

    fn read_moment(&self, cells: Cells<'_>) -> Result<Moment, Reject> {
        self.dates.read(|column| cells.get(column).trim()).map_err(|unreadable| match unreadable {
            UnreadableCell::Date(column, format) => match cells.get(column).trim() {
                "" => Reject::NoDate,
                cell => Reject::Date { cell: shortened(cell), format: format.example().to_owned() },
            },
            UnreadableCell::Time(column) => Reject::Time(shortened(cells.get(column))),
        })
    }

    /// Returns the cells of date and time as written, for messages.
    fn date_cells(&self, cells: Cells<'_>) -> String {
        self.dates.columns().map(|column| cells.get(column).trim()).collect::<Vec<_>>().join(" ")
    }

    fn write_key(&self, cells: Cells<'_>, json: &mut Vec<u8>) -> Result<(), Reject> {
        let mut series = String::new();
        for (column, title) in &self.key {
            let cell = cells.get(*column).trim();
            if cell.is_empty() {
                return Err(Reject::NoKey(title.clone()));
            }
            if !series.is_empty() {
                series.push('/');
            }
            series.push_str(cell);
        }
        json.extend_from_slice(br#","series":"#);
        write_string(&series, json);
        Ok(())
    }
}

impl Fields {
    fn new(record: &RecordPlan, columns: &[Column], dates: &Dates) -> Self {
        let mut prefix = vec![b'{'];
        if let Some(symbol) = &record.symbol {
            prefix.extend_from_slice(br#""symbol":"#);
            write_string(symbol, &mut prefix);
            prefix.push(b',');
        }
        let mut fields = Vec::new();
        for &column in &record.columns {
            let Column { name, kind, .. } = &columns[column];
            let (name, action) = match kind {
                Kind::Symbol => (name.as_str(), Action::Symbol),
                Kind::Date => ("trade_date", Action::Date),
                Kind::Time if matches!(dates, Dates::Given(..)) => ("trade_date", Action::Date),
                Kind::Number { magnitudes } => {
                    (name.as_str(), Action::Number { magnitudes: *magnitudes, may_be_code: !is_price_field(name) })
                }
                Kind::Text if name == "series" => (name.as_str(), Action::Series),
                Kind::Text => (name.as_str(), Action::Text),
                Kind::Time | Kind::Key => continue,
            };
            write_string(name, &mut prefix);
            prefix.push(b':');
            fields.push(Field {
                column,
                name: name.to_owned(),
                action,
                prefix: std::mem::replace(&mut prefix, vec![b',']),
            });
        }
        let symbol_column =
            fields.iter().find(|field| matches!(field.action, Action::Symbol)).map(|field| field.column);
        Fields { symbol: record.symbol.clone(), symbol_column, fields, needs: record.needs.clone() }
    }
}

/// The cells of a row, validated as UTF-8.
#[derive(Clone, Copy)]
struct Cells<'a> {
    text: &'a str,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    /// Returns a cell, or `None` if the row has no such cell or a boundary of the cell splits a character.
    fn try_get(self, column: usize) -> Option<&'a str> {
        self.text.get(self.row.range(column)?)
    }

    /// Returns a cell, or an empty string if [`try_get`](Self::try_get) returns `None`.
    fn get(self, column: usize) -> &'a str {
        self.try_get(column).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::row_reader::RowReader;
    use crate::plan::make::make;
    use crate::plan::options::PlanOptions;
    use crate::plan::sample::Sample;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    /// Creates the plan of `text` and returns the JSON, the key and the time of its last row's record.
    fn last_with(text: &[u8], options: &PlanOptions) -> Result<(String, String, i64), String> {
        let sample = Sample::whole(text);
        let plan = make(None, &sample, options).map_err(|error| error.to_string())?;
        let encoder = RecordEncoder::new(&plan, options.latest);
        let (mut row, mut json) = (Row::default(), b"left over".to_vec());
        let mut reader = RowReader::new(text, plan.delimiter);
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        (0..lines).for_each(|_| {
            reader.read(&mut row).expect("memory");
        });
        let quote = encoder.encode(&row, 0, &mut json).map_err(|reject| reject.to_string())?.ok_or("no record")?;
        Ok((String::from_utf8(json).expect("UTF-8"), quote.symbol.to_owned(), quote.micros))
    }

    fn last(text: &str) -> Result<String, String> {
        last_with(text.as_bytes(), &PlanOptions::default()).map(|(json, _, _)| json)
    }

    /// Returns the reason for rejecting `row` after rows that are quotes.
    fn reason(row: &[u8]) -> String {
        let others = (1..=28).map(|day| format!("A,2024-01-{day:02},1.5\n")).collect::<String>();
        let text = [b"Symbol,Date,Close\n".as_slice(), others.as_bytes(), row].concat();
        last_with(&text, &PlanOptions::default()).expect_err("a reject")
    }

    #[test]
    fn a_row_becomes_a_json_object() {
        let text = "Index,Date,Open,High,Low,Close,Adj Close,Volume,CloseUSD\n\
            HSI,1986-12-31,2568.300049,2568.300049,2568.300049,2568.300049,2568.300049,0.0,333.87900637\n";
        assert_eq!(
            last_with(text.as_bytes(), &PlanOptions::default()),
            Ok((
                r#"{"symbol":"HSI","trade_date":"1986-12-31","bar":"1d","open":2568.300049,"high":2568.300049,"low":2568.300049,"close":2568.300049,"adj_close":2568.300049,"volume":0.0,"close_usd":333.87900637}"#.to_owned(),
                "HSI".to_owned(),
                536_371_200_000_000
            ))
        );
    }

    #[test]
    fn empty_cells_are_null_and_text_is_unchanged() {
        assert_eq!(
            last("Date,Close,Symbol,Dividend,Note\n2026-11-21,,7203, .5 , \"a\"\n").as_deref(),
            Ok(r#"{"trade_date":"2026-11-21","bar":"1d","close":null,"symbol":"7203","dividend":0.5,"note":" \"a\""}"#)
        );
    }

    #[test]
    fn a_time_of_day_becomes_an_instant() {
        for (row, expected) in [
            (
                "A,2026-11-21 09:30:00-05:00,1.50",
                r#""trade_date":"2026-11-21","bar":"tick","traded_at":"2026-11-21 14:30:00","zone":"UTC""#,
            ),
            (
                "A,2026-11-21T09:30:00.25,1.50",
                r#""trade_date":"2026-11-21","bar":"tick","traded_at":"2026-11-21 09:30:00.25""#,
            ),
        ] {
            let json = last(&format!("Symbol,Timestamp,Close\n{row}\n"));
            assert_eq!(json.as_deref(), Ok(format!("{{\"symbol\":\"A\",{expected},\"close\":1.50}}").as_str()));
        }
    }

    #[test]
    fn a_given_symbol_is_the_first_field_and_the_key() {
        let options = PlanOptions { symbol: Some("A\"B".to_owned()), ..PlanOptions::default() };
        let (json, key, _) = last_with(b"Date,Close\n2026-11-21,1\n", &options).expect("a quote");
        assert_eq!(json, r#"{"symbol":"A\"B","trade_date":"2026-11-21","bar":"1d","close":1}"#);
        assert_eq!(key, "A\"B");
    }

    #[test]
    fn columns_of_the_key_are_joined() {
        let options = PlanOptions { key: vec!["Exchange".into(), "Expiry".into()], ..PlanOptions::default() };
        let text = b"Symbol,Exchange,Expiry,Date,Close\nES,CME,2024-03,2024-01-02,1\n";
        let (json, _, _) = last_with(text, &options).expect("a quote");
        assert_eq!(json, r#"{"symbol":"ES","trade_date":"2024-01-02","bar":"1d","close":1,"series":"CME/2024-03"}"#);
    }

    #[test]
    fn a_row_that_is_not_a_quote_is_rejected_with_a_reason() {
        for (row, expected) in [
            (&b"A,2026-11-21"[..], "2 fields where the header has 3"),
            (b"A,2026-11-21,1,2", "4 fields where the header has 3"),
            (b" ,2026-11-21,1", "no symbol"),
            (b"A,,1", "no date"),
            (b"A,29/06/1979,1", "date does not match 2024-12-31: 29/06/1979"),
            (b"A,1066-10-14,1", "date is implausible: 1066-10-14"),
            (b"A,2026-11-21,inf", "close is not a finite number: inf"),
            (b"A,2026-11-21,x", "close is not a number: x"),
            (b"A\xff,2026-11-21,1", "not UTF-8 text"),
        ] {
            assert_eq!(reason(row), expected);
        }
        let long = [b"A,2026-11-21,".as_slice(), &[b'z'; 100]].concat();
        assert_eq!(reason(&long), format!("close is not a number: {}...", "z".repeat(40)));
    }

    #[test]
    fn a_character_cut_by_a_comma_is_not_text() {
        assert_eq!(reason(b"A\xc3,\xa42026-11-21,1"), "not UTF-8 text");
    }

    proptest! {
        #[test]
        fn the_json_has_every_cell(
            symbol in "\\PC{0,3}[A-Z^.=\"\\\\]{1,5}",
            close in "-?[0-9]{1,12}\\.[0-9]{0,12}",
            note in "\\PC{0,12}",
        ) {
            let mut line = csv::Writer::from_writer(Vec::new());
            line.write_record(["Symbol", "Date", "Close", "Note"]).expect("memory");
            line.write_record([symbol.as_str(), "2026-11-21", &close, &note]).expect("memory");
            let line = line.into_inner().expect("memory");
            let options = PlanOptions {
                symbol_column: Some("Symbol".into()), text: ["note".to_owned()].into(), ..PlanOptions::default()
            };
            prop_assume!(!symbol.trim().is_empty());
            let (json, key, _) = last_with(&line, &options).expect("a quote");
            prop_assert!(!json.contains('\n'));
            let value: Value = serde_json::from_str(&json).expect("JSON");
            prop_assert_eq!(&value["symbol"], symbol.trim());
            prop_assert_eq!(&key, symbol.trim());
            let raw: BTreeMap<&str, &RawValue> = serde_json::from_str(&json).expect("JSON");
            prop_assert_eq!(raw["close"].get().parse::<f64>(), close.parse());
            if note.is_empty() {
                prop_assert!(value["note"].is_null());
            } else {
                prop_assert_eq!(&value["note"], note.as_str());
            }
        }

        #[test]
        fn any_bytes_become_a_quote_or_a_reject(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let text = [b"Symbol,Date,Close\nA,2026-11-21,1\n".as_slice(), &line].concat();
            if let Ok((json, key, _)) = last_with(&text, &PlanOptions::default()) {
                let value: Value = serde_json::from_str(&json).expect("JSON");
                prop_assert_eq!(&value["symbol"], key.as_str());
            }
        }
    }
}
