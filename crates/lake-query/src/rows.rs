//! From an object's lines to record batches of the columns a query wants.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, StringBuilder, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;

use lake_store::{Object, Partitioned, StoreError, codec};

use super::columns::Kind;
use super::json::{self, Fields};

/// A table's columns: the fields of its lines, then the partition columns of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) fields: Vec<(String, Kind)>,
    pub(super) partitions: Vec<String>,
}

impl Columns {
    pub(super) fn schema(&self) -> Schema {
        let fields = self.fields.iter().map(|(name, kind)| (name, kind.arrow()));
        let partitions = self.partitions.iter().map(|name| (name, DataType::Utf8));
        let columns = fields.chain(partitions);
        let columns = columns.map(|(name, kind)| Field::new(name, kind, true));
        Schema::new(columns.collect::<Vec<_>>())
    }

    /// The wanted columns, by their places in [`Columns::schema`]; all where none are named.
    pub(super) fn project(&self, wanted: Option<&[usize]>) -> Result<Shape, ArrowError> {
        let mut schema = self.schema();
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let wanted = wanted.unwrap_or(&all);
        let mut typed = Vec::new();
        let mut raw = Vec::new();
        let mut sources = Vec::new();
        for &at in wanted {
            sources.push(match self.fields.get(at) {
                Some((name, Kind::Json)) => {
                    raw.push(name.clone());
                    Source::Raw(raw.len() - 1)
                }
                Some(_) => {
                    typed.push(at);
                    Source::Typed(typed.len() - 1)
                }
                None => Source::Partition(schema.field(at).name().clone()),
            });
        }
        let typed = Arc::new(schema.project(&typed)?);
        schema = schema.project(wanted)?;
        Ok(Shape { schema: Arc::new(schema), typed, raw, sources })
    }
}

/// Where a wanted column's values come from.
#[derive(Clone, Debug)]
enum Source {
    Typed(usize),
    Raw(usize),
    Partition(String),
}

/// What a query wants of each line.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) schema: SchemaRef,
    /// The columns that Arrow decodes.
    typed: SchemaRef,
    /// The fields whose JSON text is wanted, which Arrow cannot give.
    raw: Vec<String>,
    sources: Vec<Source>,
}

/// The rows of one object, a batch at a time.
pub(super) struct Rows {
    shape: Arc<Shape>,
    object: Object,
    text: String,
    /// What of the text has been read: bytes, and lines.
    read: (usize, usize),
    batch: usize,
}

impl Rows {
    /// The rows in an object's bytes, at most `batch` at a time.
    pub(super) fn open(shape: Arc<Shape>, object: Object, bytes: &[u8], batch: usize) -> Result<Self, StoreError> {
        let refuse = |reason: String| StoreError::decode(object.key(), reason);
        let Some(codec) = object.codec else {
            return Err(refuse("its name ends in none of .json, .json.gz, .json.zst".into()));
        };
        let text = codec::text(codec, bytes).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { shape, object, text, read: (0, 0), batch: batch.max(1) })
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, StoreError> {
        let (from, _) = self.read;
        let (lines, read) = take_lines(&self.text, self.read, self.batch);
        self.read = read;
        let (shape, key) = (&self.shape, self.object.key());
        let text = &self.text[from..read.0];
        if lines.is_empty() {
            return Ok(None);
        }
        let rows = lines.len();
        let typed = match shape.typed.fields().is_empty() {
            true => Vec::new(),
            false => decode(&shape.typed, text, rows)
                .map_err(|reason| StoreError::decode(key, locate(&shape.typed, &lines, reason)))?,
        };
        let raw = match shape.raw.is_empty() {
            true => Vec::new(),
            false => texts(&shape.raw, &lines).map_err(|reason| StoreError::decode(key, reason))?,
        };
        let columns = shape.sources.iter().map(|source| match source {
            Source::Typed(at) => Arc::clone(&typed[*at]),
            Source::Raw(at) => Arc::clone(&raw[*at]),
            Source::Partition(name) => repeat(self.object.partition(name), rows),
        });
        let columns = columns.collect();
        let count = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&shape.schema), columns, &count)
            .map(Some)
            .map_err(|error| StoreError::decode(key, error.to_string()))
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// The next lines that are not blank, each with its number, and what has been read with them.
fn take_lines(text: &str, (mut end, mut number): (usize, usize), most: usize) -> (Vec<(usize, &str)>, (usize, usize)) {
    let mut lines = Vec::new();
    while lines.len() < most && end < text.len() {
        let rest = &text[end..];
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        end += line.len();
        number += 1;
        if !line.trim_ascii().is_empty() {
            lines.push((number, line));
        }
    }
    (lines, (end, number))
}

/// Decodes `rows` lines. Each must be one value, or a count would depend on the columns asked for.
fn decode(schema: &SchemaRef, text: &str, rows: usize) -> Result<Vec<ArrayRef>, String> {
    let builder = ReaderBuilder::new(Arc::clone(schema));
    let builder = builder.with_coerce_primitive(true).with_batch_size(rows);
    let plain = |error: ArrowError| error.to_string();
    let mut decoder = builder.build_decoder().map_err(plain)?;
    let consumed = decoder.decode(text.as_bytes()).map_err(plain)?;
    match decoder.flush().map_err(plain)? {
        Some(batch) if consumed == text.len() && batch.num_rows() == rows => Ok(batch.columns().to_vec()),
        _ => Err("not one JSON object a line".into()),
    }
}

/// The reason with the line it holds for.
fn locate(schema: &SchemaRef, lines: &[(usize, &str)], reason: String) -> String {
    let mut each = lines.iter();
    each.find_map(|(number, line)| {
        let reason = decode(schema, line, 1).err()?;
        Some(format!("line {number}: {reason}"))
    })
    .unwrap_or(reason)
}

/// The values of some fields as text.
fn texts(names: &[String], lines: &[(usize, &str)]) -> Result<Vec<ArrayRef>, String> {
    let mut columns: Vec<_> = names.iter().map(|_| StringBuilder::new()).collect();
    for (number, line) in lines {
        let wrong = |error: serde_json::Error| format!("line {number}: {error}");
        let Fields(fields) = serde_json::from_str(line).map_err(wrong)?;
        for (name, column) in names.iter().zip(&mut columns) {
            let value = match fields.iter().rev().find(|(field, _)| field == name) {
                Some((_, value)) => json::text(value).map_err(wrong)?,
                None => None,
            };
            column.append_option(value);
        }
    }
    let finished = columns.iter_mut().map(|c| Arc::new(c.finish()) as ArrayRef);
    Ok(finished.collect())
}

fn repeat(value: Option<&str>, rows: usize) -> ArrayRef {
    match value {
        Some(value) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows))),
        None => new_null_array(&DataType::Utf8, rows),
    }
}
