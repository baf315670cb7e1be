//! Opens a session: an instance of the engine with the lake's tables and views.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use lake_store::{Area, DT, Lake};

use crate::columns::{Column, quarantine_columns, quote_columns};
use crate::error::SqlError;
use crate::infer::{self, Inferred};
use crate::memory::BoundedPool;
use crate::rows::Columns;
use crate::table::{Objects, Table};
use crate::views;

/// Name of the table of the selected topic. The views and saved queries read this table.
pub const QUOTES: &str = "quotes";

/// Default limit of the engine's memory, in bytes.
pub const DEFAULT_MEMORY_LIMIT: usize = 1_000_000_000;

/// Memory that each of the engine's threads needs to sort and group; with less, the engine uses fewer threads.
const BYTES_PER_THREAD: usize = 250_000_000;

/// Name of the table with the invalid records of all topics.
pub const QUARANTINE: &str = "quarantine";

/// Opens a session with one table per topic, named after the topic, and the table [`QUARANTINE`]. The table [`QUOTES`]
/// has the rows of `topic`; it is empty if `topic` has no objects.
///
/// The names `quotes` and `quarantine` are reserved. A topic with one of these names has a table only if it is the
/// selected `topic`, and then only as [`QUOTES`].
///
/// Sorts, groups and joins use up to `memory_limit` bytes, and 12 MB each even beyond. Sorts and groups that need more
/// continue in temporary files.
/// Objects that are being read come on top, a few megabytes for each thread.
///
/// # Errors
/// If the lake cannot be listed, a sample cannot be read, or the engine rejects a table or view.
pub async fn session(lake: &Lake, topic: &str, memory_limit: usize) -> Result<SessionContext, SqlError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    let threads = config.target_partitions().min(memory_limit / BYTES_PER_THREAD).max(1);
    config = config.with_target_partitions(threads);
    // Athena's rule. The engine's default puts nulls first in descending order.
    config.options_mut().sql_parser.default_null_ordering = "nulls_last".into();
    let memory = Arc::new(BoundedPool::new(memory_limit));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(memory).build_arc()?;
    let context = SessionContext::new_with_config_rt(config, runtime);

    let register = |name: &str, objects: Objects, columns: Columns| {
        let table = Table::new(lake.clone(), objects, columns);
        context.register_table(TableReference::bare(name), Arc::new(table))
    };
    let mut undeclared = Vec::new();
    let mut topics = lake.topics(Area::Data).await?;
    if !topics.iter().any(|known| known == topic) {
        topics.push(topic.to_owned());
    }
    for name in topics {
        let columns = columns(&quote_columns(), infer::columns(lake, &name).await?);
        let objects = Objects::OfTopic(name.clone());
        if name == topic {
            undeclared = undeclared_columns(&columns);
            register(QUOTES, objects.clone(), columns.clone())?;
        }
        if name != QUOTES && name != QUARANTINE {
            register(&name, objects, columns)?;
        }
    }
    let columns = columns(&quarantine_columns(), Inferred::default());
    register(QUARANTINE, Objects::Quarantined, columns)?;
    views::create(&context, &undeclared.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(context)
}

/// Combines the declared columns, the inferred fields, `dt` and the other partition columns, in this order. An
/// inferred field is left out if a declared or partition column has the same name.
fn columns(declared: &[Column], inferred: Inferred) -> Columns {
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

/// Returns the names of a topic's columns that are not declared, except `dt`, which every table has.
fn undeclared_columns(columns: &Columns) -> Vec<String> {
    let declared = quote_columns();
    let fields = columns.fields.iter().map(|(name, _)| name).filter(|name| declared.iter().all(|c| c.name != *name));
    fields.chain(columns.partitions.iter().filter(|name| *name != DT)).cloned().collect()
}
