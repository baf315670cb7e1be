//! The table of a topic's records: its columns, and its registration under a name that only a view reads.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;
use lake_store::{DT, Lake};

use crate::columns::{Column, quote_columns};
use crate::error::SqlError;
use crate::infer::Inferred;
use crate::rows::Columns;
use crate::table::{Objects, Table};

/// Name of the table that a view reads, used only while the view is created. No topic can have this name, because it
/// contains a space.
pub(crate) const SOURCE: &str = "view source";

/// Registers a topic's records as the table [`SOURCE`].
pub(crate) fn register(context: &SessionContext, lake: &Lake, topic: &str, columns: Columns) -> Result<(), SqlError> {
    let table = Table::new(lake.clone(), Objects::OfTopic(topic.to_owned()), columns);
    context.register_table(TableReference::bare(SOURCE), Arc::new(table))?;
    Ok(())
}

/// Returns the columns of a topic's table.
pub(crate) fn topic_columns(inferred: Inferred) -> Columns {
    table_columns(&quote_columns(), inferred)
}

/// Combines the declared columns, the inferred fields, `dt` and the other partition columns, in this order. An
/// inferred field is left out if a declared or partition column has the same name.
pub(crate) fn table_columns(declared: &[Column], inferred: Inferred) -> Columns {
    let mut partitions = vec![DT.to_owned()];
    partitions.extend(inferred.partitions.into_iter().filter(|name| name != DT));
    let mut fields: Vec<_> = declared.iter().map(|c| (c.name.to_owned(), c.kind)).collect();
    for (name, kind) in inferred.fields {
        if !partitions.contains(&name) && !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, kind));
        }
    }
    Columns { fields, partitions }
}
