//! Sends records to Kafka and tracks their delivery, or prints them.

pub(crate) mod error;
pub mod output;
mod sender;
mod tracker;

/// Decision after a record: continue with the next one, or stop the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
}
