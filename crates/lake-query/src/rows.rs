//! Decodes an object's lines into record batches with the columns that a query selects.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StringBuilder, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use lake_store::{DecodeError, Object, Partitioned, codec};

use crate::columns::{INTRADAY, Kind};
use crate::fold;
use crate::json::{self, Fields};

/// A table's columns: the fields of its lines, then the partition columns of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) fields: Vec<(String, Kind)>,
    pub(crate) partitions: Vec<String>,
}

impl Columns {
    pub(crate) fn schema(&self) -> Schema {
        let fields = self.fields.iter().map(|(name, kind)| (name, kind.arrow()));
        let partitions = self.partitions.iter().map(|name| (name, DataType::Utf8));
        let columns = fields.chain(partitions);
        let columns = columns.map(|(name, kind)| Field::new(name, kind, true));
        Schema::new(columns.collect::<Vec<_>>())
    }

    /// Selects columns by their index in [`Columns::schema`]; `None` selects all.
    pub(crate) fn project(&self, selected: Option<&[usize]>) -> Result<Projection, ArrowError> {
        let mut schema = self.schema();
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let selected = selected.unwrap_or(&all);
        let mut typed = Vec::new();
        let mut raw = Vec::new();
        let mut sources = Vec::new();
        for &index in selected {
            sources.push(match self.fields.get(index) {
                Some((name, Kind::Json)) => {
                    raw.push(name.clone());
                    Source::Raw(raw.len() - 1)
                }
                Some((_, Kind::Integer)) => {
                    typed.push(index);
                    Source::Integers(typed.len() - 1)
                }
                Some(_) => {
                    typed.push(index);
                    Source::Typed(typed.len() - 1)
                }
                None => Source::Partition(schema.field(index).name().clone()),
            });
        }
        // As an integer, Arrow would decode 2.5 as 2.
        let text_of_integers = |&index: &usize| match self.fields.get(index) {
            Some((name, Kind::Integer)) => Arc::new(Field::new(name, DataType::Utf8, true)),
            _ => Arc::clone(&schema.fields()[index]),
        };
        let typed = Arc::new(Schema::new(typed.iter().map(text_of_integers).collect::<Vec<_>>()));
        schema = schema.project(selected)?;
        Ok(Projection { schema: Arc::new(schema), typed, raw, sources })
    }
}

/// Source of a selected column's values.
#[derive(Clone, Debug)]
enum Source {
    /// Index of a column in [`Projection::typed`].
    Typed(usize),
    /// Index of a column in [`Projection::typed`] with integers as text.
    Integers(usize),
    /// Index of a field in [`Projection::raw`].
    Raw(usize),
    /// Name of a partition column in the key.
    Partition(String),
}

/// The columns that a query selects, with the source of each column's values.
#[derive(Clone, Debug)]
pub(crate) struct Projection {
    pub(crate) schema: SchemaRef,
    /// Columns that Arrow decodes.
    typed: SchemaRef,
    /// Fields of kind [`Kind::Json`], which Arrow cannot decode.
    raw: Vec<String>,
    sources: Vec<Source>,
}

impl Projection {
    /// Returns a line with only the fields that this projection selects, under the names of their columns.
    fn with_column_names(&self, line: &str) -> String {
        let is_typed = |name: &str| self.typed.field_with_name(name).is_ok();
        fold::with_column_names(line, |name| is_typed(name) || self.raw.iter().any(|raw| raw == name))
    }

    /// Decodes the columns in `typed`. `lines` are the lines of `text`, with their numbers. A value of an [`INTRADAY`]
    /// field that does not fit its column becomes null.
    fn decode(&self, text: &str, lines: &[(usize, &str)]) -> Result<Vec<ArrayRef>, RowError> {
        let error = match decode(&self.typed, text, lines.len()) {
            Ok(columns) => return Ok(columns),
            Err(error) => locate(&self.typed, lines, error),
        };
        // The sink does not validate these fields, so their values can be of any type.
        let is_lenient = |name: &str| INTRADAY.iter().any(|column| column.name == name);
        let names: Vec<_> = self.typed.fields().iter().map(|field| field.name().clone()).collect();
        let (lenient, strict): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_lenient(name));
        if lenient.is_empty() {
            return Err(error);
        }
        let indices = strict.iter().map(|name| self.typed.index_of(name)).collect::<Result<Vec<_>, _>>();
        let schema = indices.and_then(|indices| self.typed.project(&indices)).map_err(RowError::Batch)?;
        let schema = Arc::new(schema);
        let decoded = match strict.is_empty() {
            true => Vec::new(),
            false => decode(&schema, text, lines.len()).map_err(|error| locate(&schema, lines, error))?,
        };
        let texts = texts(&lenient, lines)?;
        let columns = self.typed.fields().iter().map(|field| {
            match lenient.iter().position(|name| name == field.name()) {
                // A value that the type cannot hold becomes null.
                Some(index) => cast(&texts[index], field.data_type()).map_err(RowError::Batch),
                None => {
                    let index = schema.index_of(field.name()).map_err(RowError::Batch)?;
                    Ok(Arc::clone(&decoded[index]))
                }
            }
        });
        columns.collect()
    }
}

/// Iterator over an object's rows, batch by batch.
pub(crate) struct Rows {
    projection: Arc<Projection>,
    object: Object,
    text: String,
    position: Position,
    batch_size: usize,
}

/// Position in the text of an object: the number of bytes and lines before it.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    bytes: usize,
    lines: usize,
}

/// Error for an object whose rows could not be decoded.
#[derive(Debug, thiserror::Error)]
#[error("failed to decode the object {key}")]
pub struct ObjectError {
    pub key: String,
    pub source: RowError,
}

/// Reason that an object's rows could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The object's name does not indicate a codec, or its bytes cannot be decompressed with that codec or are not
    /// UTF-8.
    #[error(transparent)]
    Object(#[from] DecodeError),
    /// A line could not be decoded.
    #[error("line {number}")]
    Line {
        /// Number of the line, from 1.
        number: usize,
        source: LineError,
    },
    /// Decoding the lines as one batch failed, although each line can be decoded separately.
    #[error(transparent)]
    Lines(LineError),
    /// The decoded columns could not be combined into a batch.
    #[error(transparent)]
    Batch(ArrowError),
}

/// Reason that a line could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A value does not fit its column, or the JSON is invalid.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The line is not a valid JSON object.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The value of an undeclared column is not an integer, although all sampled values are.
    #[error(
        "column {column} has the value {value}, but its type was inferred as integer from the sampled objects; raise --sample-objects"
    )]
    NotInteger { column: String, value: String },
    /// The line does not contain exactly one JSON object.
    #[error("expected exactly one JSON object per line")]
    NotOneObject,
}

impl Rows {
    /// Decompresses an object. The iterator returns its rows in batches of up to `batch_size` rows.
    pub(crate) fn open(
        projection: Arc<Projection>,
        object: Object,
        bytes: &[u8],
        batch_size: usize,
    ) -> Result<Self, ObjectError> {
        let failed = |source: DecodeError| decode_error(&object, source.into());
        let codec = object.codec.ok_or_else(|| failed(DecodeError::UnknownCodec))?;
        let text = codec::text(codec, bytes).map_err(|error| failed(error.into()))?;
        Ok(Self { projection, object, text, position: Position::default(), batch_size: batch_size.max(1) })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, RowError> {
        let start = self.position;
        let (lines, end) = take_lines(&self.text, start, self.batch_size);
        self.position = end;
        if lines.is_empty() {
            return Ok(None);
        }
        let projection = &self.projection;
        let mut text = Cow::Borrowed(&self.text[start.bytes..end.bytes]);
        let rows = lines.len();
        let mut renamed = Vec::new();
        let has_fields = !(projection.typed.fields().is_empty() && projection.raw.is_empty());
        if has_fields && fold::has_other_names(&text) {
            let lines = lines.iter().map(|(number, line)| (*number, projection.with_column_names(line)));
            renamed.extend(lines);
            text = renamed.iter().map(|(_, line)| line.as_str()).collect::<String>().into();
        }
        let lines = match renamed.is_empty() {
            true => lines,
            false => renamed.iter().map(|(number, line)| (*number, line.as_str())).collect(),
        };
        let typed = match projection.typed.fields().is_empty() {
            true => Vec::new(),
            false => projection.decode(&text, &lines)?,
        };
        let raw = match projection.raw.is_empty() {
            true => Vec::new(),
            false => texts(&projection.raw, &lines)?,
        };
        let columns = projection.sources.iter().map(|source| match source {
            Source::Typed(index) => Ok(Arc::clone(&typed[*index])),
            Source::Integers(index) => integers(projection.typed.field(*index).name(), &typed[*index], &lines),
            Source::Raw(index) => Ok(Arc::clone(&raw[*index])),
            Source::Partition(name) => Ok(repeat(self.object.partition_value(name), rows)),
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let count = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&projection.schema);
        RecordBatch::try_new_with_options(schema, columns, &count).map(Some).map_err(RowError::Batch)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, ObjectError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map_err(|error| decode_error(&self.object, error)).transpose()
    }
}

fn decode_error(object: &Object, source: RowError) -> ObjectError {
    ObjectError { key: object.key().to_string(), source }
}

/// Returns up to `limit` lines that are not blank, each with its number from 1, and the position at which to continue.
fn take_lines(text: &str, mut position: Position, limit: usize) -> (Vec<(usize, &str)>, Position) {
    let mut lines = Vec::new();
    while lines.len() < limit && position.bytes < text.len() {
        let rest = &text[position.bytes..];
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        position.bytes += line.len();
        position.lines += 1;
        if !line.trim_ascii().is_empty() {
            lines.push((position.lines, line));
        }
    }
    (lines, position)
}

/// Decodes `rows` lines. Each line must contain exactly one JSON object; otherwise the number of rows would depend on
/// the selected columns.
fn decode(schema: &SchemaRef, text: &str, rows: usize) -> Result<Vec<ArrayRef>, LineError> {
    let builder = ReaderBuilder::new(Arc::clone(schema));
    let builder = builder.with_coerce_primitive(true).with_batch_size(rows);
    let mut decoder = builder.build_decoder()?;
    let consumed = decoder.decode(text.as_bytes())?;
    match decoder.flush()? {
        Some(batch) if consumed == text.len() && batch.num_rows() == rows => Ok(batch.columns().to_vec()),
        _ => Err(LineError::NotOneObject),
    }
}

/// Finds the line that caused `error`, by decoding the lines one at a time. Returns [`RowError::Lines`] if each line
/// can be decoded separately.
fn locate(schema: &SchemaRef, lines: &[(usize, &str)], error: LineError) -> RowError {
    let mut failures = lines.iter().filter_map(|&(number, line)| {
        let source = decode(schema, line, 1).err()?;
        Some(RowError::Line { number, source })
    });
    failures.next().unwrap_or(RowError::Lines(error))
}

/// Returns a string column for each field in `names`.
fn texts(names: &[String], lines: &[(usize, &str)]) -> Result<Vec<ArrayRef>, RowError> {
    let mut columns: Vec<_> = names.iter().map(|_| StringBuilder::new()).collect();
    for &(number, line) in lines {
        let failed = |error: serde_json::Error| RowError::Line { number, source: error.into() };
        let Fields(fields) = serde_json::from_str(line).map_err(failed)?;
        for (name, column) in names.iter().zip(&mut columns) {
            let value = match fields.iter().rev().find(|(field, _)| field == name) {
                Some((_, value)) => json::text(value).map_err(failed)?,
                None => None,
            };
            column.append_option(value);
        }
    }
    let finished = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
    Ok(finished.collect())
}

/// Converts a column of texts to integers.
fn integers(name: &str, texts: &ArrayRef, lines: &[(usize, &str)]) -> Result<ArrayRef, RowError> {
    let texts = texts.as_string::<i32>();
    let integers = texts.iter().zip(lines).map(|(text, (number, _))| {
        let parse = |text: &str| {
            text.parse::<i64>().map_err(|_| RowError::Line {
                number: *number,
                source: LineError::NotInteger { column: name.to_owned(), value: text.to_owned() },
            })
        };
        text.map(parse).transpose()
    });
    Ok(Arc::new(integers.collect::<Result<Int64Array, _>>()?))
}

fn repeat(value: Option<&str>, rows: usize) -> ArrayRef {
    match value {
        Some(value) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows))),
        None => new_null_array(&DataType::Utf8, rows),
    }
}
