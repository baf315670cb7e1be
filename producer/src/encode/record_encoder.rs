//! Turns a row into a record: one JSON object on one line, with the symbol as its key.

use super::number::write_number;
use super::reject::{Reject, shortened};
use crate::csv::date::DateFormat;
use crate::csv::header::{ColumnKind, Header};
use crate::csv::options::CsvOptions;
use crate::csv::row::Row;

/// The key and the time of an encoded row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    /// Symbol of the row, which is the record's key.
    pub symbol: &'a str,
    /// The time of the trade, in microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
}

/// Turns the rows of one file into JSON.
#[derive(Debug)]
pub struct RecordEncoder {
    fields: Vec<Field>,
    /// Symbol of every row, for files without a symbol column.
    symbol: Option<String>,
    dates: DateFormat,
}

#[derive(Debug)]
struct Field {
    name: String,
    kind: ColumnKind,
    /// The JSON before the value: a comma, the name and a colon. For the first field, a brace and any symbol that is
    /// given for all rows replace the comma.
    prefix: Vec<u8>,
}

impl RecordEncoder {
    /// Creates an encoder for rows with this header.
    #[must_use]
    pub fn new(header: &Header, options: &CsvOptions) -> Self {
        let mut opening = vec![b'{'];
        if let Some(symbol) = &options.symbol {
            opening.extend_from_slice(br#""symbol":"#);
            write_string(symbol, &mut opening);
            opening.push(b',');
        }
        let fields = header.columns().iter().enumerate().map(|(at, column)| {
            let mut prefix = if at == 0 { opening.clone() } else { vec![b','] };
            write_string(&column.name, &mut prefix);
            prefix.push(b':');
            Field { name: column.name.clone(), kind: column.kind, prefix }
        });
        Self { fields: fields.collect(), symbol: options.symbol.clone(), dates: options.dates.clone() }
    }

    /// Writes the row to `json` as a JSON object without a line ending, replacing the content of `json`.
    ///
    /// # Errors
    /// `Reject` if the row is not a quote; the content of `json` is then unspecified.
    pub fn encode<'a>(&'a self, row: &'a Row, json: &mut Vec<u8>) -> Result<Quote<'a>, Reject> {
        if row.len() != self.fields.len() {
            return Err(Reject::FieldCount { expected: self.fields.len(), found: row.len() });
        }
        let text = std::str::from_utf8(row.text()).map_err(|_| Reject::NotUtf8)?;
        json.clear();
        let mut quote = Quote { symbol: self.symbol.as_deref().unwrap_or_default(), micros: 0 };
        let mut start = 0;
        for (field, &end) in self.fields.iter().zip(row.ends()) {
            // The cells are valid UTF-8 together, but a delimiter or a quote may have split a character.
            let cell = text.get(start..end).ok_or(Reject::NotUtf8)?;
            start = end;
            json.extend_from_slice(&field.prefix);
            match field.kind {
                ColumnKind::Text if cell.is_empty() => json.extend_from_slice(b"null"),
                ColumnKind::Text => write_string(cell, json),
                ColumnKind::Symbol => {
                    let symbol = cell.trim();
                    if symbol.is_empty() {
                        return Err(Reject::NoSymbol);
                    }
                    write_string(symbol, json);
                    quote.symbol = symbol;
                }
                ColumnKind::Date => quote.micros = self.write_date(cell.trim(), json)?,
                ColumnKind::Number => match cell.trim() {
                    "" => json.extend_from_slice(b"null"),
                    number => {
                        write_number(number.as_bytes(), json).map_err(|source| Reject::Number {
                            column: field.name.clone(),
                            source,
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
        let time = self
            .dates
            .read(cell)
            .ok_or_else(|| Reject::Date { cell: shortened(cell), pattern: self.dates.pattern().map(str::to_owned) })?;
        json.push(b'"');
        json.extend_from_slice(&time.date);
        json.push(b'"');
        if let Some(full) = time.full {
            json.extend_from_slice(br#","traded_at":"#);
            write_string(&full, json);
        }
        Ok(time.micros)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::delimiter::Delimiter;
    use crate::csv::row_reader::RowReader;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    fn encoder(header: &str, dates: DateFormat) -> RecordEncoder {
        let options = CsvOptions { dates, numeric: ["dividend".to_owned()].into(), ..CsvOptions::default() };
        let header = Header::parse(header.split(',').map(str::as_bytes), &options);
        RecordEncoder::new(&header.expect("a header"), &options)
    }

    /// Returns the JSON, the key and the time of one row.
    fn encode(encoder: &RecordEncoder, line: &[u8]) -> Result<(String, String, i64), Reject> {
        let (mut row, mut json) = (Row::default(), b"left over".to_vec());
        RowReader::new(line, Delimiter::COMMA).read(&mut row).expect("memory");
        let quote = encoder.encode(&row, &mut json)?;
        Ok((String::from_utf8(json).expect("UTF-8"), quote.symbol.to_owned(), quote.micros))
    }

    fn json(header: &str, line: &str) -> Result<String, Reject> {
        encode(&encoder(header, DateFormat::Iso), line.as_bytes()).map(|(json, _, _)| json)
    }

    #[test]
    fn a_row_becomes_a_json_object() {
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
    fn empty_cells_are_null_and_text_is_unchanged() {
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
    fn a_date_time_gives_trade_date_and_traded_at() {
        assert_eq!(
            json("Symbol,Timestamp,Close", "A,2026-11-21 09:30:00-05:00,1.50").as_deref(),
            Ok(r#"{"symbol":"A","trade_date":"2026-11-21","traded_at":"2026-11-21 09:30:00-05:00","close":1.50}"#)
        );
    }

    #[test]
    fn a_given_symbol_is_the_first_field_and_the_key() {
        let options = CsvOptions { symbol: Some("A\"B".to_owned()), ..CsvOptions::default() };
        let header = Header::parse([&b"Date"[..], b"Close"].into_iter(), &options).expect("a header");
        let (json, key, _) = encode(&RecordEncoder::new(&header, &options), b"2026-11-21,1").expect("a quote");
        assert_eq!(json, r#"{"symbol":"A\"B","trade_date":"2026-11-21","close":1}"#);
        assert_eq!(key, "A\"B");
    }

    #[test]
    fn a_row_that_is_not_a_quote_is_rejected_with_a_reason() {
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
        assert_eq!(reason(b"A,2026-11-21,NaN"), "close is not a finite number (leave the cell empty for null): NaN");
        assert_eq!(
            reason(b"A,2026-11-21,\"1,234.5\""),
            "close has thousands separators, which are not supported: 1,234.5"
        );
        assert_eq!(
            reason(b"A,2026-11-21,\"1,5\""),
            "close has a decimal comma, but only decimal points are supported: 1,5"
        );
        assert_eq!(reason(b"A,2026-11-21,n/a"), "close is not a number (leave the cell empty for null): n/a");
        assert_eq!(reason(b"A\xff,2026-11-21,1"), "not UTF-8 text");
        let long = [b"A,2026-11-21,".as_slice(), &[b'z'; 100]].concat();
        assert_eq!(
            reason(&long),
            format!("close is not a number (leave the cell empty for null): {}...", "z".repeat(40))
        );
    }

    #[test]
    fn a_rejected_date_names_the_pattern_in_use() {
        let dates = DateFormat::strftime("%d/%m/%Y").expect("a pattern");
        let encoder = encoder("Symbol,Date", dates);
        let (json, _, _) = encode(&encoder, b"A,29/06/1979").expect("a quote");
        assert_eq!(json, r#"{"symbol":"A","trade_date":"1979-06-29"}"#);
        let reason = encode(&encoder, b"A,1979-06-29").expect_err("a reject").to_string();
        assert_eq!(reason, "date does not match --date-format %d/%m/%Y: 1979-06-29");
    }

    #[test]
    fn a_character_cut_by_a_comma_is_not_text() {
        let result = encode(&encoder("Symbol,Date,Note,More", DateFormat::Iso), b"A,2026-11-21,\xc3,\xa4");
        assert_eq!(result, Err(Reject::NotUtf8));
    }

    proptest! {
        #[test]
        fn the_json_has_every_cell(
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
        fn any_bytes_become_a_quote_or_a_reject(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let encoder = encoder("Symbol,Date,Close", DateFormat::Iso);
            if let Ok((json, key, _)) = encode(&encoder, &line) {
                let value: Value = serde_json::from_str(&json).expect("JSON");
                prop_assert_eq!(&value["symbol"], key.as_str());
            }
        }
    }
}
