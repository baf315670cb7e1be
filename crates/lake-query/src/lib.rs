//! SQL over a lake: exposes the stored objects as tables of Apache `DataFusion`.
//!
//! `DataFusion` was chosen because it is a library (no server, no port), reads directly from an object store, and its
//! dialect is close enough to Athena's that the files in `queries/` run unchanged on both. No other crate of the
//! workspace depends on it.
//!
//! [`session()`] opens a lake. It creates one table per topic, the table `quotes` for the selected topic, the table
//! `quarantine` for all topics, and the views in `queries/views/`. The partition columns of the keys (`dt`, and `hour`
//! and `by_<field>` if the sink adds them) are string columns, as a Glue crawler creates them. Every query lists and
//! reads the objects again, so an open session sees new rows; only the tables and their columns are fixed when the
//! session is opened.
//!
//! A [`view`] reads the records of another program's topic as quotes.
//!
//! Column names are matched without regard to case, as in Athena: a field `Close` is the column `close`, and so is
//! `"Close"` in a statement.

mod batch_memory;
pub mod columns;
mod download;
mod error;
mod execute;
mod fold;
mod infer;
mod json;
mod limits;
mod memory;
mod names;
mod prune;
pub mod quality;
mod read_only;
mod render;
mod rows;
mod saved;
mod scan;
mod session;
mod source;
mod table;
#[cfg(test)]
mod tests;
pub mod view;
mod views;

pub use datafusion::arrow::array::RecordBatch;
pub use datafusion::prelude::SessionContext as Session;
pub use download::{FileFormat, download};
pub use error::SqlError;
pub use execute::execute;
pub use infer::DEFAULT_SAMPLES;
pub use memory::Memory;
pub use names::{QUARANTINE, QUOTES};
pub use read_only::{AnswerColumn, Limits, ReadAnswer, read};
pub use render::{Format, RenderError, first_row, head, render};
pub use rows::{LineError, ObjectError, RowError};
pub use saved::{SavedQuery, quality as quality_questions, queries, views};
pub use session::{DEFAULT_MEMORY_LIMIT, Options, session, session_within};
