//! Kafka access for the command lines.
//!
//! [`settings`] turns the arguments, and librdkafka's or Java's configuration files, into validated settings. [`connection`]
//! connects with them and reports the setting to change if that fails, [`create_topic`] creates topics, [`watermarks`] reads
//! their first and last offsets, and [`hints`] contains the remedy for each of Kafka's errors.

pub mod args;
pub mod connection;
pub mod context;
pub mod create_topic;
pub mod hints;
mod java;
mod producer_config;
pub mod settings;
pub mod watermarks;

pub use lake_format::topic;
