//! Executes SQL statements and collects their rows.

use datafusion::arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;

use crate::error::SqlError;

/// Runs one or more statements, separated by `;`, and returns their rows in the order of the statements. A statement
/// with columns but no rows returns one empty batch, so that its columns can be printed. A statement without columns
/// (`CREATE VIEW`) returns no batch.
///
/// # Errors
/// If the engine rejects a statement or fails while running it, or an object cannot be listed, read or decoded.
pub async fn execute(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, SqlError> {
    let mut rows = Vec::new();
    for statement in DFParser::parse_sql(sql)? {
        let plan = session.state().statement_to_plan(statement).await?;
        let frame = session.execute_logical_plan(plan).await?;
        let schema = std::sync::Arc::clone(frame.schema().inner());
        let batches = frame.collect().await?;
        let mut batches: Vec<_> = batches.into_iter().filter(|b| b.num_columns() > 0).collect();
        if batches.is_empty() && !schema.fields().is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        rows.extend(batches);
    }
    Ok(rows)
}
