//! A topic, or the quarantine, as a table of the engine.
//!
//! `DataFusion`'s own `ListingTable` has one codec a table; here gzip, zstd and plain objects stand
//! side by side, as they do after the sink's codec was changed.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use lake_store::{Area, DT, Day, Lake, Object, StoreError};

use super::error::SqlError;
use super::prune;
use super::rows::Columns;
use super::scan::Share;

/// Whose objects a table reads.
#[derive(Clone, Debug)]
pub(super) enum Of {
    Topic(String),
    Quarantine,
}

#[derive(Debug)]
pub(super) struct Table {
    lake: Lake,
    of: Of,
    columns: Columns,
    schema: SchemaRef,
}

impl Table {
    pub(super) fn new(lake: Lake, of: Of, columns: Columns) -> Self {
        let schema = Arc::new(columns.schema());
        Self { lake, of, columns, schema }
    }

    async fn days(&self) -> Result<Vec<Day>, StoreError> {
        match &self.of {
            Of::Topic(topic) => self.lake.days(Area::Data, topic).await,
            Of::Quarantine => {
                let mut days = Vec::new();
                for topic in self.lake.topics(Area::Quarantine).await? {
                    days.extend(self.lake.days(Area::Quarantine, &topic).await?);
                }
                Ok(days)
            }
        }
    }

    /// The objects that the filters leave, listing only the days that they leave.
    async fn objects(&self, session: &dyn Session, filters: &[Expr]) -> Result<Vec<Object>> {
        let days = self.days().await.map_err(SqlError::from)?;
        let days = prune::keep(session, filters, &[DT], days)?;
        let objects = self.lake.objects(days).await.map_err(SqlError::from)?;
        prune::keep(session, filters, &self.partitions(), objects)
    }

    fn partitions(&self) -> Vec<&str> {
        let names = self.columns.partitions.iter();
        names.map(String::as_str).collect()
    }
}

#[async_trait::async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let partitions = self.partitions();
        let each = filters.iter().map(|filter| match prune::decides(&partitions, filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        });
        Ok(each.collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let objects = self.objects(session, filters).await?;
        let shape = Arc::new(self.columns.project(projection.map(Vec::as_slice))?);
        let shares = Share::out(objects, session.config().target_partitions());
        let shares = shares.into_iter().map(|objects| {
            Arc::new(Share { lake: self.lake.clone(), objects, shape: Arc::clone(&shape) }) as Arc<dyn PartitionStream>
        });
        let schema = Arc::clone(&shape.schema);
        let plan = StreamingTableExec::try_new(schema, shares.collect(), None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}
