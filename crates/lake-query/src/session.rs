//! Opens a session: an instance of the engine with the lake's tables and views.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use lake_store::{Area, DT, Lake};

use crate::columns::{quarantine_columns, quote_columns};
use crate::error::SqlError;
use crate::execute::execute;
use crate::infer::{self, DEFAULT_SAMPLES, Inferred};
use crate::memory::Memory;
use crate::names::{QUARANTINE, QUOTES};
use crate::rows::Columns;
use crate::source::{self, SOURCE};
use crate::table::{Objects, Table};
use crate::view::{self, NamedView, View};
use crate::views;

/// Default limit of the engine's memory, in bytes.
pub const DEFAULT_MEMORY_LIMIT: usize = 1_000_000_000;

/// Memory that each of the engine's threads needs to sort and group, in bytes. The engine starts at most `memory limit /
/// BYTES_PER_THREAD` threads, and at least one.
const BYTES_PER_THREAD: usize = 250_000_000;

/// Settings of a session.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Maximum number of bytes that sorts, groups and joins use together. Each may use 12 MB even beyond the limit, and
    /// those that need more spill to temporary files. The limit does not include the objects that are being read, which
    /// take a few megabytes for each thread.
    pub memory_limit: usize,
    /// Number of objects of each topic from which undeclared columns are inferred.
    pub samples: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        Options { memory_limit: DEFAULT_MEMORY_LIMIT, samples: DEFAULT_SAMPLES }
    }
}

/// Opens a session with one table per topic, named after the topic, and the table [`QUARANTINE`]. The table [`QUOTES`]
/// has the rows of `topic`; it is empty if `topic` has no objects.
///
/// The names `quotes` and `quarantine` are reserved. A topic with one of these names has a table only if it is the
/// selected `topic`, and then only as [`QUOTES`].
///
/// Each view of the lake (see [`view`](mod@crate::view)) is a table, too. [`QUOTES`] has the rows of a view if the view
/// has the same name as the topic, or is named [`QUOTES`] and reads the topic.
///
/// # Errors
/// If the lake cannot be listed, a sample or a definition of a view cannot be read, a view hides the selected topic, or
/// the engine rejects a table or view.
pub async fn session(lake: &Lake, topic: &str, options: Options) -> Result<SessionContext, SqlError> {
    session_within(lake, topic, options.samples, &Memory::new(options.memory_limit)).await
}

/// Opens a session as [`session()`] does, with memory that other sessions may share. `samples` is
/// [`Options::samples`].
///
/// # Errors
/// As [`session()`].
pub async fn session_within(
    lake: &Lake,
    topic: &str,
    samples: NonZeroUsize,
    memory: &Memory,
) -> Result<SessionContext, SqlError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    let threads = config.target_partitions().min(memory.limit() / BYTES_PER_THREAD).max(1);
    config = config.with_target_partitions(threads);
    // Athena's rule. The engine's default puts nulls first in descending order.
    config.options_mut().sql_parser.default_null_ordering = "nulls_last".into();
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(memory.pool()).build_arc()?;
    let context = SessionContext::new_with_config_rt(config, runtime);

    let register = |name: &str, objects: Objects, columns: Columns| {
        let table = Table::new(lake.clone(), objects, columns);
        context.register_table(TableReference::bare(name), Arc::new(table))
    };
    let mut undeclared = Vec::new();
    let mut topics = lake.topics(Area::Data).await?;
    let views = view::list(lake).await?;
    let selected = view::selected(&views, topic);
    if let Some(view) = selected.filter(|view| view.name == topic && topics.contains(&view.name)) {
        return Err(SqlError::ViewHidesTopic(view.name.clone()));
    }
    let mut names: BTreeSet<String> = BTreeSet::from([QUOTES, QUARANTINE].map(str::to_owned));
    names.extend(topics.iter().cloned());
    if selected.is_none() && !topics.iter().any(|known| known == topic) {
        topics.push(topic.to_owned());
    }
    for NamedView { view, .. } in &views {
        // A view of a topic without records is an empty table, and so is the topic.
        if !topics.contains(&view.from) {
            topics.push(view.from.clone());
        }
    }
    let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
    for name in topics {
        let columns = source::topic_columns(infer::columns(lake, &name, samples).await?);
        let objects = Objects::OfTopic(name.clone());
        if name == topic && selected.is_none() {
            undeclared = undeclared_columns(&columns);
            register(QUOTES, objects.clone(), columns.clone())?;
        }
        if name != QUOTES && name != QUARANTINE {
            register(&name, objects, columns.clone())?;
        }
        tables.insert(name, columns);
    }
    for named in &views {
        let is_selected = selected == Some(named);
        let Some(columns) = tables.get(&named.view.from).cloned() else { continue };
        if is_selected {
            undeclared = undeclared_columns(&columns);
            undeclared.retain(|name| !named.view.map.renames(name));
            register_view(&context, lake, QUOTES, &named.view, columns.clone()).await?;
        }
        if !names.contains(&named.name) {
            register_view(&context, lake, &named.name, &named.view, columns).await?;
        }
    }
    let columns = source::table_columns(&quarantine_columns(), Inferred::default());
    register(QUARANTINE, Objects::Quarantined, columns)?;
    views::create(&context, &undeclared.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(context)
}

/// Registers a view as a table.
async fn register_view(
    context: &SessionContext,
    lake: &Lake,
    name: &str,
    view: &View,
    columns: Columns,
) -> Result<(), SqlError> {
    let columns = view::source_columns(view, columns);
    let select = view::select(view, &columns, SOURCE);
    source::register(context, lake, &view.from, columns)?;
    // The view keeps its source when the name is removed.
    execute(context, &format!("CREATE VIEW \"{name}\" AS {select}")).await?;
    context.deregister_table(TableReference::bare(SOURCE))?;
    Ok(())
}

/// Returns the names of a topic's columns that are not declared, except `dt`, which every table has.
fn undeclared_columns(columns: &Columns) -> Vec<String> {
    let declared = quote_columns();
    let fields = columns.fields.iter().map(|(name, _)| name).filter(|name| declared.iter().all(|c| c.name != *name));
    fields.chain(columns.partitions.iter().filter(|name| *name != DT)).cloned().collect()
}
