//! Reports on a feed: counters while it runs, a summary at its end, and the rejected rows.

pub mod display;
pub mod progress;
pub(crate) mod rejects;
pub mod summary;
