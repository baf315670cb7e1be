//! SQL over the lake: the stored objects as tables of Apache `DataFusion`.
//!
//! `DataFusion` was chosen because it is a library (no server, no port), reads straight from an
//! object store, and speaks a dialect close enough to Athena's that the files of `queries/` run
//! unchanged on both. It is known to this crate only.
//!
//! One table per topic, `quarantine` over all topics, the chosen topic as `quotes`, and the views
//! of `queries/views/`. The partition columns of the keys (`dt`, and `hour` and `by_<field>` where
//! the sink was told to add them) are string columns, as a Glue crawler makes them. Rows are
//! listed and read anew by each query, so a session that stays open sees what arrives; only its
//! columns are settled when it is made.
//!
//! Field names match column names exactly here, whereas Athena ignores case: a field `Close` is a
//! column `"Close"` of its own here and `close` there. The producer writes `snake_case` only.

pub mod columns;
mod error;
mod execute;
mod infer;
mod json;
mod prune;
pub mod quality;
mod render;
mod rows;
mod saved;
mod scan;
mod session;
mod table;
#[cfg(test)]
mod tests;

pub use datafusion::arrow::array::RecordBatch;
pub use datafusion::prelude::SessionContext as Session;
pub use error::SqlError;
pub use execute::execute;
pub use render::{Format, first_row, render};
pub use saved::{SavedQuery, quality as quality_questions, queries, views};
pub use session::{QUARANTINE, QUOTES, session};
