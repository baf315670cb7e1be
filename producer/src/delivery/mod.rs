//! Sends records to Kafka, or prints them.

pub mod output;
pub mod sender;
pub(crate) mod tracker;
