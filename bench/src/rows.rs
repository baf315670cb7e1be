//! Converts rows of CSV files to records as the producer does.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use producer::feed::input::Input;
use producer::feed::source::{Source, SourceRow};
use producer::plan::options::PlanOptions;
use tokio_util::sync::CancellationToken;

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
/// If a file cannot be read, or one of its rows is not a quote.
pub fn read(files: &[PathBuf]) -> Result<Vec<Quote>> {
    let mut quotes = Vec::new();
    for file in files {
        let name = || file.display().to_string();
        let input = Input::File(file.clone());
        let (progress, shutdown) = (Arc::default(), CancellationToken::new());
        let mut source = Source::open(&input, &PlanOptions::default(), &progress, &shutdown).with_context(name)?;
        let mut value = Vec::new();
        loop {
            let key = match source.next(&mut value).with_context(name)? {
                SourceRow::Quote { quote, .. } => quote.symbol.to_owned(),
                SourceRow::Rejected { line, reason, .. } => bail!("{}: line {line}: {reason}", name()),
                // Only a file that is followed has no row for now.
                SourceRow::Blank | SourceRow::Waiting => continue,
                SourceRow::End => break,
            };
            quotes.push(Quote { key, value: value.clone() });
        }
    }
    Ok(quotes)
}
