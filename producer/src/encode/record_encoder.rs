//! A row becomes a record: one JSON object on one line, and the symbol as its key.

use std::borrow::Cow;

use memchr::memchr3;
use thiserror::Error;

use crate::csv::date::DateFormat;
use crate::csv::header::{Header, Kind};
use crate::csv::options::Reading;
use crate::csv::row_reader::Row;
use crate::encode::number::{NumberError, write_number};

/// Why a row cannot be a quote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reject {
    /// Too few or too many cells.
    #[error("{found} fields where the header has {expected}")]
    FieldCount {
        /// The header's number of columns.
        expected: usize,
        /// The row's number of cells.
        found: usize,
    },
    /// An empty symbol cell.
    #[error("no symbol")]
    NoSymbol,
    /// An empty date cell.
    #[error("no date")]
    NoDate,
    /// A date cell that cannot be read.
    #[error("{}", date_reason(cell, pattern.as_deref()))]
    Date {
        /// The cell.
        cell: String,
        /// The pattern that it does not follow; ISO 8601 if there is none.
        pattern: Option<String>,
    },
    /// A number cell that cannot be read.
    #[error("{column} is {problem}: {cell}")]
    Number {
        /// The field's name.
        column: String,
        /// What the cell is instead.
        problem: NumberError,
        /// The cell.
        cell: String,
    },
    /// Bytes that are not text.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// A quote that opens a cell and is never closed.
    #[error("a quoted field is opened here and never closed")]
    OpenQuote,
    /// A row too long to be read.
    #[error("longer than {} bytes; only its beginning is kept here", crate::csv::row_reader::LONGEST_ROW)]
    TooLong,
}

fn date_reason(cell: &str, pattern: Option<&str>) -> String {
    match pattern {
        None => format!("date is not YYYY-MM-DD: {cell} (give its format with --date-format, such as %d/%m/%Y)"),
        Some(pattern) => format!("date does not follow --date-format {pattern}: {cell}"),
    }
}

/// What was encoded, besides the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The record's key.
    pub symbol: &'a str,
    /// When the trade happened: microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
}

/// Turns the rows of one file into JSON.
#[derive(Debug)]
pub struct Encoder {
    fields: Vec<Field>,
    /// Of every row, where no column says it.
    symbol: Option<String>,
    dates: DateFormat,
}

#[derive(Debug)]
struct Field {
    name: String,
    kind: Kind,
    /// What stands before the value: a brace (and a symbol that no column says) or a comma, the name, a colon.
    lead: Vec<u8>,
}

impl Encoder {
    /// An encoder for rows under `header`.
    #[must_use]
    pub fn new(header: &Header, reading: &Reading) -> Self {
        let mut opening = vec![b'{'];
        if let Some(symbol) = &reading.symbol {
            opening.extend_from_slice(br#""symbol":"#);
            write_string(symbol, &mut opening);
            opening.push(b',');
        }
        let fields = header.columns().iter().enumerate().map(|(at, column)| {
            let mut lead = if at == 0 { opening.clone() } else { vec![b','] };
            write_string(&column.name, &mut lead);
            lead.push(b':');
            Field { name: column.name.clone(), kind: column.kind, lead }
        });
        Self { fields: fields.collect(), symbol: reading.symbol.clone(), dates: reading.dates.clone() }
    }

    /// Writes the row as a JSON object into `json`, in place of what was there, without a line end.
    ///
    /// # Errors
    /// [`Reject`] says why the row cannot be a quote; `json` is then of no use.
    pub fn encode<'a>(&'a self, row: &'a Row, json: &mut Vec<u8>) -> Result<Quote<'a>, Reject> {
        if row.len() != self.fields.len() {
            return Err(Reject::FieldCount { expected: self.fields.len(), found: row.len() });
        }
        let text = std::str::from_utf8(row.text()).map_err(|_| Reject::NotUtf8)?;
        json.clear();
        let mut quote = Quote { symbol: self.symbol.as_deref().unwrap_or_default(), micros: 0 };
        let mut start = 0;
        for (field, &end) in self.fields.iter().zip(row.ends()) {
            // Quotes aside, a cell border is a character border, unless a character was cut in two.
            let cell = text.get(start..end).ok_or(Reject::NotUtf8)?;
            start = end;
            json.extend_from_slice(&field.lead);
            match field.kind {
                Kind::Text if cell.is_empty() => json.extend_from_slice(b"null"),
                Kind::Text => write_string(cell, json),
                Kind::Symbol => {
                    let symbol = cell.trim();
                    if symbol.is_empty() {
                        return Err(Reject::NoSymbol);
                    }
                    write_string(symbol, json);
                    quote.symbol = symbol;
                }
                Kind::Date => quote.micros = self.write_date(cell.trim(), json)?,
                Kind::Number => match cell.trim() {
                    "" => json.extend_from_slice(b"null"),
                    number => {
                        write_number(number.as_bytes(), json).map_err(|problem| Reject::Number {
                            column: field.name.clone(),
                            problem,
                            cell: shortened(number),
                        })?;
                    }
                },
            }
        }
        json.push(b'}');
        Ok(quote)
    }

    fn write_date(&self, cell: &str, json: &mut Vec<u8>) -> Result<i64, Reject> {
        if cell.is_empty() {
            return Err(Reject::NoDate);
        }
        let moment = self
            .dates
            .read(cell)
            .ok_or_else(|| Reject::Date { cell: shortened(cell), pattern: self.dates.pattern().map(str::to_owned) })?;
        json.push(b'"');
        json.extend_from_slice(&moment.date);
        json.push(b'"');
        if let Some(full) = moment.full {
            json.extend_from_slice(br#","traded_at":"#);
            write_string(&full, json);
        }
        Ok(moment.micros)
    }
}

/// Appends `text` as a JSON string.
fn write_string(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        json.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => json.extend_from_slice(b"\\n"),
            b'\r' => json.extend_from_slice(b"\\r"),
            b'\t' => json.extend_from_slice(b"\\t"),
            byte if byte < b' ' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                json.extend_from_slice(b"\\u00");
                json.push(HEX[usize::from(byte >> 4)]);
                json.push(HEX[usize::from(byte & 15)]);
            }
            byte => json.extend_from_slice(&[b'\\', byte]),
        }
        rest = &rest[at + 1..];
    }
    json.extend_from_slice(rest);
    json.push(b'"');
}

/// A cell for a message: on one line, and not the whole of a long one.
fn shortened(cell: &str) -> String {
    let cell: Cow<'_, str> = match memchr3(b'\n', b'\r', b'\t', cell.as_bytes()) {
        Some(_) => Cow::Owned(cell.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
        None => Cow::Borrowed(cell),
    };
    match cell.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &cell[..cut]),
        None => cell.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::delimiter::Delimiter;
    use crate::csv::row_reader::RowReader;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    fn encoder(header: &str, dates: DateFormat) -> Encoder {
        let reading = Reading { dates, numeric: ["dividend".to_owned()].into(), ..Reading::default() };
        let header = Header::parse(header.split(',').map(str::as_bytes), &reading);
        Encoder::new(&header.expect("a header"), &reading)
    }

    /// The JSON, the key and the instant of one row.
    fn encode(encoder: &Encoder, line: &[u8]) -> Result<(String, String, i64), Reject> {
        let (mut row, mut json) = (Row::default(), b"left over".to_vec());
        RowReader::new(line, Delimiter::COMMA).read(&mut row).expect("memory");
        let quote = encoder.encode(&row, &mut json)?;
        Ok((String::from_utf8(json).expect("UTF-8"), quote.symbol.to_owned(), quote.micros))
    }

    fn json(header: &str, line: &str) -> Result<String, Reject> {
        encode(&encoder(header, DateFormat::Iso), line.as_bytes()).map(|(json, _, _)| json)
    }

    #[test]
    fn a_row_becomes_the_object_of_its_cells() {
        let (json, key, micros) = encode(
            &encoder("Index,Date,Open,High,Low,Close,Adj Close,Volume,CloseUSD", DateFormat::Iso),
            b"HSI,1986-12-31,2568.300049,2568.300049,2568.300049,2568.300049,2568.300049,0.0,333.87900637\n",
        )
        .expect("a quote");
        assert_eq!(
            json,
            r#"{"symbol":"HSI","trade_date":"1986-12-31","open":2568.300049,"high":2568.300049,"low":2568.300049,"close":2568.300049,"adj_close":2568.300049,"volume":0.0,"close_usd":333.87900637}"#
        );
        assert_eq!((key.as_str(), micros), ("HSI", 536_371_200_000_000));
    }

    #[test]
    fn empty_cells_are_null_and_text_is_kept() {
        let header = "Date,Close,Symbol,Dividend,Note";
        assert_eq!(
            json(header, "2026-11-21,,7203, .5 , \"a\"\n").as_deref(),
            Ok(r#"{"trade_date":"2026-11-21","close":null,"symbol":"7203","dividend":0.5,"note":" \"a\""}"#)
        );
        assert_eq!(
            json(header, "2026-11-21,1, X ,  ,\"a\n\"\"b\\\"\n").as_deref(),
            Ok(r#"{"trade_date":"2026-11-21","close":1,"symbol":"X","dividend":null,"note":"a\n\"b\\"}"#)
        );
    }

    #[test]
    fn a_date_time_gives_its_date_and_keeps_its_full_value() {
        assert_eq!(
            json("Symbol,Timestamp,Close", "A,2026-11-21 09:30:00-05:00,1.50").as_deref(),
            Ok(r#"{"symbol":"A","trade_date":"2026-11-21","traded_at":"2026-11-21 09:30:00-05:00","close":1.50}"#)
        );
    }

    #[test]
    fn a_given_symbol_is_first_field_and_key() {
        let reading = Reading { symbol: Some("A\"B".to_owned()), ..Reading::default() };
        let header = Header::parse([&b"Date"[..], b"Close"].into_iter(), &reading).expect("a header");
        let (json, key, _) = encode(&Encoder::new(&header, &reading), b"2026-11-21,1").expect("a quote");
        assert_eq!(json, r#"{"symbol":"A\"B","trade_date":"2026-11-21","close":1}"#);
        assert_eq!(key, "A\"B");
    }

    #[test]
    fn what_cannot_be_a_quote_is_rejected_with_its_reason() {
        let reason = |line: &[u8]| {
            encode(&encoder("Symbol,Date,Close", DateFormat::Iso), line).expect_err("a reject").to_string()
        };
        assert_eq!(reason(b"A,2026-11-21"), "2 fields where the header has 3");
        assert_eq!(reason(b"A,2026-11-21,1,2"), "4 fields where the header has 3");
        assert_eq!(reason(b" ,2026-11-21,1"), "no symbol");
        assert_eq!(reason(b"A,,1"), "no date");
        assert_eq!(
            reason(b"A,29/06/1979,1"),
            "date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)"
        );
        assert_eq!(reason(b"A,2026-11-21,NaN"), "close is not a finite number: NaN");
        assert_eq!(reason(b"A,2026-11-21,\"1,234.5\""), "close is a number with thousands separators: 1,234.5");
        assert_eq!(
            reason(b"A,2026-11-21,\"1,5\""),
            "close is a number with a decimal comma, where only a decimal point is read: 1,5"
        );
        assert_eq!(reason(b"A,2026-11-21,n/a"), "close is not a number: n/a");
        assert_eq!(reason(b"A\xff,2026-11-21,1"), "not UTF-8 text");
        let long = [b"A,2026-11-21,".as_slice(), &[b'z'; 100]].concat();
        assert_eq!(reason(&long), format!("close is not a number: {}...", "z".repeat(40)));
    }

    #[test]
    fn a_reason_names_the_pattern_in_use() {
        let dates = DateFormat::strftime("%d/%m/%Y").expect("a pattern");
        let encoder = encoder("Symbol,Date", dates);
        let (json, _, _) = encode(&encoder, b"A,29/06/1979").expect("a quote");
        assert_eq!(json, r#"{"symbol":"A","trade_date":"1979-06-29"}"#);
        let reason = encode(&encoder, b"A,1979-06-29").expect_err("a reject").to_string();
        assert_eq!(reason, "date does not follow --date-format %d/%m/%Y: 1979-06-29");
    }

    #[test]
    fn a_character_cut_in_two_by_a_comma_is_not_text() {
        let result = encode(&encoder("Symbol,Date,Note,More", DateFormat::Iso), b"A,2026-11-21,\xc3,\xa4");
        assert_eq!(result, Err(Reject::NotUtf8));
    }

    proptest! {
        #[test]
        fn the_json_holds_every_cell(
            symbol in "\\PC{0,3}[A-Z^.=\"\\\\]{1,5}",
            close in "-?[0-9]{1,12}\\.[0-9]{0,12}",
            note in any::<String>(),
        ) {
            let mut line = csv::Writer::from_writer(Vec::new());
            line.write_record([symbol.as_str(), "2026-11-21", &close, &note]).expect("memory");
            let line = line.into_inner().expect("memory");
            let (json, key, _) = encode(&encoder("Symbol,Date,Close,Note", DateFormat::Iso), &line).expect("a quote");
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
        fn any_bytes_are_a_quote_or_a_reject(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let encoder = encoder("Symbol,Date,Close", DateFormat::Iso);
            if let Ok((json, key, _)) = encode(&encoder, &line) {
                let value: Value = serde_json::from_str(&json).expect("JSON");
                prop_assert_eq!(&value["symbol"], key.as_str());
            }
        }
    }
}
