//! What a feed reports.

pub mod display;
pub mod progress;
pub mod rejects;
pub mod summary;
