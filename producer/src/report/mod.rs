//! What a feed reports: counters while it runs, a summary at its end, and the rows that were rejected.

pub mod display;
pub mod progress;
pub(crate) mod rejects;
pub mod summary;
