//! Exposes a topic, or the quarantine, as a table of the engine.
//!
//! `DataFusion`'s own `ListingTable` supports one codec per table. A topic can have gzip, zstd and uncompressed
//! objects, because the sink's codec can be changed.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use lake_store::{Area, DT, Day, Lake, Object, StoreError};

use crate::error::SqlError;
use crate::prune;
use crate::rows::Columns;
use crate::scan::Share;

/// The objects that a table reads.
#[derive(Clone, Debug)]
pub(super) enum Objects {
    OfTopic(String),
    Quarantined,
}

#[derive(Debug)]
pub(super) struct Table {
    lake: Lake,
    objects: Objects,
    columns: Columns,
    schema: SchemaRef,
}

impl Table {
    pub(super) fn new(lake: Lake, objects: Objects, columns: Columns) -> Self {
        let schema = Arc::new(columns.schema());
        Self { lake, objects, columns, schema }
    }

    async fn days(&self) -> Result<Vec<Day>, StoreError> {
        match &self.objects {
            Objects::OfTopic(topic) => self.lake.days(Area::Data, topic).await,
            Objects::Quarantined => {
                let mut days = Vec::new();
                for topic in self.lake.topics(Area::Quarantine).await? {
                    days.extend(self.lake.days(Area::Quarantine, &topic).await?);
                }
                Ok(days)
            }
        }
    }

    /// Lists the objects that pass the filters. Days that the filters exclude are not listed.
    async fn filtered(&self, session: &dyn Session, filters: &[Expr]) -> Result<Vec<Object>> {
        let days = self.days().await.map_err(SqlError::from)?;
        let days = prune::retain(session, filters, &[DT], days)?;
        let objects = self.lake.objects(days).await.map_err(SqlError::from)?;
        prune::retain(session, filters, &self.partitions(), objects)
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
        let each = filters.iter().map(|filter| match prune::is_decided_by(&partitions, filter) {
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
        let objects = self.filtered(session, filters).await?;
        let projected = Arc::new(self.columns.project(projection.map(Vec::as_slice))?);
        let shares = Share::distribute(objects, session.config().target_partitions());
        let shares = shares.into_iter().map(|objects| {
            Arc::new(Share { lake: self.lake.clone(), objects, projection: Arc::clone(&projected) })
                as Arc<dyn PartitionStream>
        });
        let schema = Arc::clone(&projected.schema);
        let plan = StreamingTableExec::try_new(schema, shares.collect(), None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}
