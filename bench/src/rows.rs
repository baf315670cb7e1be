//! Converts rows of CSV files to records as the producer does.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, Result};
use producer::csv::delimiter::Delimiter;
use producer::csv::header::Header;
use producer::csv::options::CsvOptions;
use producer::csv::row::Row;
use producer::csv::row_reader::{RowKind, RowReader};
use producer::encode::record_encoder::RecordEncoder;

/// A Kafka record.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The symbol.
    pub key: String,
    /// A JSON object.
    pub value: Vec<u8>,
}

/// Reads the rows of all files, in order.
///
/// # Errors
/// If a file cannot be read, or its header or one of its rows is invalid.
pub fn read(files: &[PathBuf]) -> Result<Vec<Quote>> {
    let mut quotes = Vec::new();
    for file in files {
        let name = || file.display().to_string();
        let mut rows = RowReader::new(BufReader::new(File::open(file).with_context(name)?), Delimiter::COMMA);
        let (mut row, options, mut value) = (Row::default(), CsvOptions::default(), Vec::new());
        rows.read(&mut row).with_context(name)?;
        let encoder = RecordEncoder::new(&Header::parse(row.cells(), &options).with_context(name)?, &options);
        while rows.read(&mut row).with_context(name)? == RowKind::Row {
            let key = encoder.encode(&row, &mut value).with_context(name)?.symbol.to_owned();
            quotes.push(Quote { key, value: value.clone() });
        }
    }
    Ok(quotes)
}
