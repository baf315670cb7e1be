//! Executes SQL statements and collects their rows.

use std::pin::pin;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::TaskContext;
use datafusion::execution::context::SQLOptions;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use futures::channel::oneshot;
use futures::future::{Either, select};
use tokio::runtime::Handle;

use crate::error::SqlError;
use crate::fold;

/// Stack size, in bytes, of the thread that plans a statement. The engine plans by recursion, and the saved queries
/// nest views so deeply that an unoptimised build overflows a stack of 2 MB. Unused pages cost nothing.
const PLANNING_STACK: usize = 64 << 20;

/// Runs one or more statements, separated by `;`, and returns their rows in the order of the statements. A statement
/// with columns but no rows returns one empty batch, so that its columns can be printed. A statement without columns
/// (`CREATE VIEW`) returns no batch.
///
/// # Errors
/// If the engine rejects a statement, or an object cannot be read or decoded.
///
/// # Panics
/// If called outside a Tokio runtime.
pub async fn execute(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, SqlError> {
    let mut rows = Vec::new();
    for statement in DFParser::parse_sql(sql)? {
        let Planned { plan, schema, context } = plan(session.clone(), statement, None).await?;
        let batches = collect(plan, context).await?;
        let mut batches: Vec<_> = batches.into_iter().filter(|b| b.num_columns() > 0).collect();
        if batches.is_empty() && !schema.fields().is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        rows.extend(batches);
    }
    Ok(rows)
}

/// A planned statement.
pub(crate) struct Planned {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    pub(crate) schema: SchemaRef,
    pub(crate) context: Arc<TaskContext>,
}

/// Plans a statement in a thread with a large stack. `options` are the permitted kinds of statements; `None` permits
/// all.
pub(crate) async fn plan(
    session: SessionContext,
    mut statement: Statement,
    options: Option<SQLOptions>,
) -> Result<Planned, SqlError> {
    let (mut sender, planned) = oneshot::channel();
    let runtime = Handle::current();
    let planning = async move {
        if let Statement::Statement(statement) = &mut statement {
            fold::quoted_columns(statement);
        }
        let plan = session.state().statement_to_plan(statement).await?;
        if let Some(options) = options {
            options.verify_plan(&plan).map_err(|error| SqlError::ReadOnly(error.strip_backtrace()))?;
        }
        let frame = session.execute_logical_plan(plan).await?;
        let schema = Arc::clone(frame.schema().inner());
        let context = Arc::new(frame.task_ctx());
        Ok(Planned { plan: frame.create_physical_plan().await?, schema, context })
    };
    let work = move || {
        let planned = runtime.block_on(async {
            // Planning lists the lake. It ends with the caller, which may have a time limit.
            match select(pin!(planning), pin!(sender.cancellation())).await {
                Either::Left((planned, _)) => Some(planned),
                Either::Right(_) => None,
            }
        });
        if let Some(planned) = planned {
            drop(sender.send(planned));
        }
    };
    let thread = std::thread::Builder::new().name("plan".into()).stack_size(PLANNING_STACK);
    thread.spawn(work).map_err(SqlError::Thread)?;
    planned.await.map_err(|_| SqlError::Planning)?
}
