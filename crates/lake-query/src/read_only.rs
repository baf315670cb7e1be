//! Runs a single read-only statement. The console uses this module, because anyone who can open its page can
//! enter SQL.
//!
//! [`execute`](crate::execute()) runs every statement that the engine supports, including statements that write files,
//! read other files or change settings. [`read`] rejects such statements before they run, as well as statements that
//! are too complex. It stops after a limited number of rows, limits the memory that the rows hold, and reports how much
//! it read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;
use futures::StreamExt;
use serde::Serialize;

use crate::batch_memory::BatchMemory;
use crate::error::SqlError;
use crate::execute::{Planned, plan};
use crate::limits;
use crate::render::{Format, RenderError};

/// Number of objects that a statement has read from the lake, and their size.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    objects: AtomicU64,
    bytes: AtomicU64,
}

impl Reads {
    pub(crate) fn add(&self, bytes: usize) {
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The rows of a statement.
#[derive(Debug)]
pub struct ReadAnswer {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// `true` if there are more rows than the limit.
    pub is_cut: bool,
    /// Number of objects that were read.
    pub objects: u64,
    /// Size of these objects in bytes, as stored.
    pub bytes: u64,
}

/// A column of a [`ReadAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerColumn {
    pub name: String,
    /// The engine's name of the type.
    pub r#type: String,
    pub is_numeric: bool,
}

/// Limits of the rows that a statement returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of rows. [`read`] leaves out further rows; [`download`](crate::download()) fails.
    pub rows: usize,
    /// Maximum number of bytes that the rows occupy in memory. A statement whose rows occupy more fails.
    pub bytes: usize,
}

impl Limits {
    /// Returns limits with the default number of bytes.
    pub const fn rows(rows: usize) -> Self {
        Limits { rows, bytes: 100_000_000 }
    }
}

/// Runs a single read-only statement and returns its first rows. Dropping the future cancels the statement.
///
/// # Errors
/// If the text is not one statement, the statement does more than read or is too complex, the engine rejects it, an
/// object cannot be read or decoded, or the rows hold more bytes than the limit.
///
/// # Panics
/// If called outside a Tokio runtime.
pub async fn read(session: &SessionContext, sql: &str, limits: Limits) -> Result<ReadAnswer, SqlError> {
    let Running { schema, mut rows, reads } = start(session, sql).await?;
    let (mut batches, mut left, mut is_cut, mut memory) = (Vec::new(), limits.rows, false, BatchMemory::default());
    while let Some(batch) = rows.next().await.transpose()? {
        if memory.add(&batch) > limits.bytes {
            return Err(SqlError::TooLarge { limit: limits.bytes });
        }
        is_cut = batch.num_rows() > left;
        let kept = if is_cut { batch.slice(0, left) } else { batch };
        left -= kept.num_rows();
        batches.push(kept);
        if is_cut {
            break;
        }
    }
    let (objects, bytes) = (reads.objects.load(Ordering::Relaxed), reads.bytes.load(Ordering::Relaxed));
    Ok(ReadAnswer { schema, batches, is_cut, objects, bytes })
}

/// A statement that has been planned and returns rows.
pub(crate) struct Running {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: SendableRecordBatchStream,
    reads: Arc<Reads>,
}

/// Checks, plans and starts a read-only statement.
pub(crate) async fn start(session: &SessionContext, sql: &str) -> Result<Running, SqlError> {
    limits::check_text(sql)?;
    let mut statements = DFParser::parse_sql(sql)?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(SqlError::OneStatement);
    };
    limits::check_tables(&statement)?;
    let reads = Arc::new(Reads::default());
    // The counter belongs to this statement; the tables are shared.
    let state = session.state();
    // Otherwise the builder would replace the tables with an empty catalog.
    let config =
        state.config().clone().with_create_default_catalog_and_schema(false).with_extension(Arc::clone(&reads));
    let session =
        SessionContext::new_with_state(SessionStateBuilder::new_from_existing(state).with_config(config).build());
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let Planned { plan, schema, context } = plan(session, statement, Some(reading)).await?;
    Ok(Running { schema, rows: execute_stream(plan, context)?, reads })
}

fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

impl ReadAnswer {
    pub fn columns(&self) -> Vec<AnswerColumn> {
        let column = |name: &str, kind: &DataType| AnswerColumn {
            name: name.to_owned(),
            r#type: kind.to_string(),
            is_numeric: kind.is_numeric(),
        };
        self.schema.fields().iter().map(|field| column(field.name(), field.data_type())).collect()
    }

    /// Returns the cells of each row as text, formatted as `tickerlake query` prints them. A null is `None`.
    ///
    /// # Errors
    /// If a value cannot be formatted.
    pub fn cells(&self) -> Result<Vec<Vec<Option<String>>>, RenderError> {
        let options = FormatOptions::new();
        let mut rows = Vec::with_capacity(count(&self.batches));
        for batch in &self.batches {
            let formatters: Result<Vec<_>, ArrowError> =
                batch.columns().iter().map(|array| ArrayFormatter::try_new(array.as_ref(), &options)).collect();
            let formatters = formatters.map_err(failed)?;
            for row in 0..batch.num_rows() {
                let cells = formatters.iter().zip(batch.columns()).map(|(formatter, array)| {
                    if array.is_null(row) { Ok(None) } else { formatter.value(row).try_to_string().map(Some) }
                });
                rows.push(cells.collect::<Result<Vec<_>, ArrowError>>().map_err(failed)?);
            }
        }
        Ok(rows)
    }
}

fn failed(source: ArrowError) -> RenderError {
    RenderError { format: Format::Text, source }
}
