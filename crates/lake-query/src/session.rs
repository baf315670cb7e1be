//! A session: the engine with the lake's tables and views.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::prelude::{SessionConfig, SessionContext};
use lake_store::{Area, DT, Lake};

use super::columns::{Column, quarantine_columns, quote_columns};
use super::error::SqlError;
use super::execute::execute;
use super::infer::{self, Found};
use super::rows::Columns;
use super::saved::views;
use super::table::{Of, Table};

/// The name under which the chosen topic is always a table; the views and saved queries read it.
pub const QUOTES: &str = "quotes";

/// The table of the records that the sink put aside.
pub const QUARANTINE: &str = "quarantine";

/// Opens a lake: one table per topic by the topic's name, [`QUARANTINE`], and `topic` as
/// [`QUOTES`] too. A topic without objects is an empty table.
///
/// These two names always mean this: while another topic is chosen, one called `quotes` is not to be
/// seen, and one called `quarantine` only as [`QUOTES`], by choosing it.
pub async fn session(lake: &Lake, topic: &str) -> Result<SessionContext, SqlError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    // Athena's rule; the engine's own would put nulls first where the order is descending.
    config.options_mut().sql_parser.default_null_ordering = "nulls_last".into();
    let context = SessionContext::new_with_config(config);

    let register = |name: &str, of: Of, columns: Columns| {
        let table = Table::new(lake.clone(), of, columns);
        context.register_table(TableReference::bare(name), Arc::new(table))
    };
    let mut topics = lake.topics(Area::Data).await?;
    if !topics.iter().any(|known| known == topic) {
        topics.push(topic.to_owned());
    }
    for name in topics {
        let columns = columns(&quote_columns(), infer::find(lake, &name).await?);
        let of = Of::Topic(name.clone());
        if name == topic {
            register(QUOTES, of.clone(), columns.clone())?;
        }
        if name != QUOTES && name != QUARANTINE {
            register(&name, of, columns)?;
        }
    }
    let columns = columns(&quarantine_columns(), Found::default());
    register(QUARANTINE, Of::Quarantine, columns)?;
    for view in views() {
        execute(&context, view.sql).await?;
    }
    Ok(context)
}

/// The declared columns, then the fields found besides, then `dt` and what else the keys hold. A
/// partition column hides a field of its name.
fn columns(declared: &[Column], found: Found) -> Columns {
    let mut partitions = vec![DT.to_owned()];
    partitions.extend(found.partitions.into_iter().filter(|name| name != DT));
    let mut fields: Vec<_> = declared.iter().map(|c| (c.name.to_owned(), c.kind)).collect();
    for (name, kind) in found.fields {
        if !partitions.contains(&name) && !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, kind));
        }
    }
    Columns { fields, partitions }
}
