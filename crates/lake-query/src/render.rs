//! Formats rows as text, JSON lines or CSV.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json;
use datafusion::arrow::json::writer::LineDelimited;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// Output format of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// An aligned table.
    #[default]
    Text,
    /// One JSON object per line, with every column, including nulls.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

/// Error for rows that could not be formatted.
#[derive(Debug, thiserror::Error)]
#[error("failed to format the rows as {format:?}")]
pub struct RenderError {
    pub format: Format,
    pub source: ArrowError,
}

/// Formats rows. Starts a new table when the columns of a batch differ from the columns of the previous batch.
///
/// # Errors
/// If a value cannot be represented in the format.
pub fn render(batches: &[RecordBatch], format: Format) -> Result<Vec<u8>, RenderError> {
    let write = match format {
        Format::Text => text,
        Format::Json => lines,
        Format::Csv => comma_separated,
    };
    let tables = batches.chunk_by(|a, b| a.schema() == b.schema());
    let tables = tables.map(write).collect::<Result<Vec<_>, _>>();
    let tables = tables.map_err(|source| RenderError { format, source })?;
    let between: &[u8] = if format == Format::Json { b"" } else { b"\n" };
    Ok(tables.join(between))
}

/// Returns the first rows, at most `limit`, and the number of rows that follow them.
pub fn head(batches: &[RecordBatch], limit: usize) -> (Vec<RecordBatch>, usize) {
    let mut left = limit;
    let first = batches.iter().map(|batch| {
        let rows = batch.num_rows().min(left);
        left -= rows;
        batch.slice(0, rows)
    });
    let first: Vec<_> = first.collect();
    let count = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    let more = count(batches) - count(&first);
    (first, more)
}

/// Returns the column name and cell of each column in the first row, or `None` if there are no rows. A null is an empty
/// cell.
///
/// # Errors
/// If a value cannot be formatted.
pub fn first_row(batches: &[RecordBatch]) -> Result<Option<Vec<(String, String)>>, RenderError> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Ok(None);
    };
    let options = FormatOptions::new();
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
        let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
        Ok((field.name().clone(), formatter.value(0).try_to_string()?))
    });
    let cells: Result<_, ArrowError> = cells.collect();
    cells.map(Some).map_err(|source| RenderError { format: Format::Text, source })
}

fn lines(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let builder = json::WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    Ok(writer.into_inner())
}

fn comma_separated(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = csv::WriterBuilder::new().with_header(true).build(Vec::new());
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner())
}

/// Formats a table with two spaces between columns and an underlined header. Numbers are right-aligned; nulls are
/// empty.
fn text(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let Some(first) = batches.first() else {
        return Ok(Vec::new());
    };
    let schema = first.schema();
    let names = schema.fields().iter().map(|field| vec![field.name().clone()]);
    let mut columns: Vec<Vec<String>> = names.collect();
    let options = FormatOptions::new();
    for batch in batches {
        for (array, cells) in batch.columns().iter().zip(&mut columns) {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
            for row in 0..batch.num_rows() {
                cells.push(formatter.value(row).try_to_string()?.replace(['\r', '\t'], " "));
            }
        }
    }
    let width = |cell: &String| cell.lines().map(|line| line.chars().count()).max();
    let widths = columns.iter().map(|cells| cells.iter().filter_map(width).max().unwrap_or(0));
    let widths: Vec<usize> = widths.collect();

    let mut out = String::new();
    for row in 0..columns.first().map_or(0, Vec::len) {
        let cells: Vec<&str> = columns.iter().map(|cells| cells[row].as_str()).collect();
        // A row is as high as its cell with the most lines.
        let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(0);
        for line in 0..height {
            let parts = cells.iter().zip(&widths).zip(schema.fields()).map(|((cell, &width), field)| {
                let part = cell.lines().nth(line).unwrap_or("");
                if field.data_type().is_numeric() { format!("{part:>width$}") } else { format!("{part:<width$}") }
            });
            out.push_str(parts.collect::<Vec<_>>().join("  ").trim_end());
            out.push('\n');
        }
        if row == 0 {
            let rules = widths.iter().map(|width| "-".repeat(*width));
            out.push_str(&rules.collect::<Vec<_>>().join("  "));
            out.push('\n');
        }
    }
    Ok(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Float64Array, StringArray};

    use super::*;

    fn batch(names: &[Option<&str>], closes: &[Option<f64>]) -> RecordBatch {
        let name: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
        let close: ArrayRef = Arc::new(Float64Array::from(closes.to_vec()));
        RecordBatch::try_from_iter_with_nullable([("name", name, true), ("close", close, true)]).unwrap()
    }

    fn shown(batches: &[RecordBatch], format: Format) -> String {
        String::from_utf8(render(batches, format).unwrap()).unwrap()
    }

    #[test]
    fn every_format_shows_every_value() {
        let batches =
            [batch(&[Some("Zürich, \"Nord\""), None], &[Some(1.5), Some(-20.25)]), batch(&[Some("a\nb")], &[None])];
        assert_eq!(
            shown(&batches, Format::Text),
            "name             close\n\
             --------------  ------\n\
             Zürich, \"Nord\"     1.5\n\
             \x20               -20.25\n\
             a\n\
             b\n"
        );
        assert_eq!(
            shown(&batches, Format::Json),
            "{\"name\":\"Zürich, \\\"Nord\\\"\",\"close\":1.5}\n\
             {\"name\":null,\"close\":-20.25}\n\
             {\"name\":\"a\\nb\",\"close\":null}\n"
        );
        assert_eq!(shown(&batches, Format::Csv), "name,close\n\"Zürich, \"\"Nord\"\"\",1.5\n,-20.25\n\"a\nb\",\n");
    }

    #[test]
    fn header_is_printed_without_rows() {
        let empty = batch(&[], &[]);
        assert_eq!(shown(std::slice::from_ref(&empty), Format::Text), "name  close\n----  -----\n");
        assert_eq!(shown(std::slice::from_ref(&empty), Format::Csv), "name,close\n");
        assert_eq!(shown(&[empty], Format::Json), "");
        assert_eq!(shown(&[], Format::Text), "");
    }

    #[test]
    fn first_row_skips_empty_batches() {
        let owned = |name: &str, cell: &str| (name.to_owned(), cell.to_owned());
        let batches = [batch(&[], &[]), batch(&[Some("a"), Some("b")], &[None, Some(1.0)])];
        assert_eq!(first_row(&batches).unwrap().unwrap(), [owned("name", "a"), owned("close", "")]);
        assert_eq!(first_row(&batches[..1]).unwrap(), None);
    }

    #[test]
    fn head_counts_the_rows_that_follow() {
        let batches = [batch(&[Some("a"), Some("b")], &[None, None]), batch(&[Some("c"), Some("d")], &[None, None])];
        for (limit, text, more) in
            [(0, "", 4), (3, "a,\nb,\nc,\n", 1), (4, "a,\nb,\nc,\nd,\n", 0), (9, "a,\nb,\nc,\nd,\n", 0)]
        {
            let (first, left) = head(&batches, limit);
            assert_eq!((shown(&first, Format::Csv), left), (format!("name,close\n{text}"), more));
        }
    }

    #[test]
    fn other_columns_start_another_table() {
        let one = batch(&[Some("a")], &[Some(1.0)]);
        let other = one.project(&[1]).unwrap();
        assert_eq!(shown(&[one, other], Format::Csv), "name,close\na,1.0\n\nclose\n1.0\n");
    }
}
