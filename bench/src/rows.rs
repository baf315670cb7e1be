//! Rows of CSV files as the producer makes them records.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, Result};
use producer::csv::delimiter::Delimiter;
use producer::csv::header::Header;
use producer::csv::options::Reading;
use producer::csv::row_reader::{Read, Row, RowReader};
use producer::encode::record_encoder::Encoder;

/// A record's key and value.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The symbol.
    pub key: String,
    /// A JSON object.
    pub value: Vec<u8>,
}

/// The rows of all files, in their order.
///
/// # Errors
/// When a file cannot be read, or one of its rows is no quote.
pub fn read(files: &[PathBuf]) -> Result<Vec<Quote>> {
    let mut quotes = Vec::new();
    for file in files {
        let name = || file.display().to_string();
        let mut rows = RowReader::new(BufReader::new(File::open(file).with_context(name)?), Delimiter::COMMA);
        let (mut row, reading, mut value) = (Row::default(), Reading::default(), Vec::new());
        rows.read(&mut row).with_context(name)?;
        let encoder = Encoder::new(&Header::parse(row.cells(), &reading).with_context(name)?, &reading);
        while rows.read(&mut row).with_context(name)? == Read::Row {
            let key = encoder.encode(&row, &mut value).with_context(name)?.symbol.to_owned();
            quotes.push(Quote { key, value: value.clone() });
        }
    }
    Ok(quotes)
}
