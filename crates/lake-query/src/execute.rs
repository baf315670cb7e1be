//! Runs statements.

use datafusion::arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;

use super::error::SqlError;

/// Runs one or more statements, separated by `;`, and gives their rows in the order of the
/// statements. A statement that has columns but no rows gives one empty batch, so that its columns
/// can be shown; one that has no columns (`CREATE VIEW`) gives none.
pub async fn execute(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, SqlError> {
    let mut rows = Vec::new();
    for statement in DFParser::parse_sql(sql)? {
        let plan = context.state().statement_to_plan(statement).await?;
        let frame = context.execute_logical_plan(plan).await?;
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
