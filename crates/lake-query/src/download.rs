//! Formats the rows of a statement as they arrive, so that no more of them are in memory than their text and one batch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json;
use datafusion::arrow::json::writer::LineDelimited;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use crate::error::SqlError;
use crate::read_only::{Limits, Running, start};
use crate::render::{Format, RenderError};

/// Format of a downloaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object per line, with every column, including nulls.
    Json,
}

/// Runs a single statement that only reads, and returns its rows as a file. The file is the same as that of
/// [`render`](crate::render()). The statement ends when the future is dropped.
///
/// # Errors
/// As [`read`](crate::read()), and if the rows or their text exceed the limits.
///
/// # Panics
/// Outside a Tokio runtime.
pub async fn download(
    session: &SessionContext,
    sql: &str,
    format: FileFormat,
    limits: Limits,
) -> Result<Vec<u8>, SqlError> {
    let Running { schema, mut rows, .. } = start(session, sql).await?;
    let mut writer = Writer::new(format, limits.bytes);
    let (mut count, mut is_empty) = (0, true);
    while let Some(batch) = rows.next().await.transpose()? {
        count += batch.num_rows();
        if count > limits.rows {
            return Err(SqlError::TooManyRows { limit: limits.rows });
        }
        writer.write(&batch)?;
        is_empty = false;
    }
    if is_empty {
        // The header of a CSV file.
        writer.write(&RecordBatch::new_empty(schema))?;
    }
    writer.finish()
}

/// A buffer with a maximum size.
struct Bounded {
    text: Vec<u8>,
    limit: usize,
    is_full: Arc<AtomicBool>,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            self.is_full.store(true, Ordering::Relaxed);
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer {
    kind: Kind,
    limit: usize,
    is_full: Arc<AtomicBool>,
}

enum Kind {
    Csv(csv::Writer<Bounded>),
    Json(json::Writer<Bounded, LineDelimited>),
}

impl Writer {
    fn new(format: FileFormat, limit: usize) -> Self {
        let is_full = Arc::new(AtomicBool::new(false));
        let text = Bounded { text: Vec::new(), limit, is_full: Arc::clone(&is_full) };
        let kind = match format {
            FileFormat::Csv => Kind::Csv(csv::WriterBuilder::new().with_header(true).build(text)),
            FileFormat::Json => Kind::Json(json::WriterBuilder::new().with_explicit_nulls(true).build(text)),
        };
        Writer { kind, limit, is_full }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        let written = match &mut self.kind {
            Kind::Csv(writer) => writer.write(batch),
            Kind::Json(writer) => writer.write(batch),
        };
        written.map_err(|source| self.failed(source))
    }

    fn finish(mut self) -> Result<Vec<u8>, SqlError> {
        if let Kind::Json(writer) = &mut self.kind {
            writer.finish().map_err(|source| failed(Format::Json, source, self.limit, &self.is_full))?;
        }
        Ok(match self.kind {
            Kind::Csv(writer) => writer.into_inner().text,
            Kind::Json(writer) => writer.into_inner().text,
        })
    }

    fn failed(&self, source: ArrowError) -> SqlError {
        let format = match self.kind {
            Kind::Csv(_) => Format::Csv,
            Kind::Json(_) => Format::Json,
        };
        failed(format, source, self.limit, &self.is_full)
    }
}

fn failed(format: Format, source: ArrowError, limit: usize, is_full: &AtomicBool) -> SqlError {
    match is_full.load(Ordering::Relaxed) {
        true => SqlError::TooLarge { limit },
        false => SqlError::Render(RenderError { format, source }),
    }
}
