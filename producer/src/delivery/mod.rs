//! Sends records to Kafka and tracks their delivery, or prints them.

pub(crate) mod error;
pub mod output;
mod sender;
mod tracker;

/// Whether the feed continues after a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
}
