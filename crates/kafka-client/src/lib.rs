//! Kafka access for the command-line tools.
//!
//! [`settings`] turns the arguments, and librdkafka's or Java's configuration files, into validated settings.
//! [`connection`] connects with them and names the setting to change if that fails. [`create_topic`] creates topics,
//! [`watermarks`] reads the first and last offsets of partitions, and [`hints`] contains the remedies for Kafka's
//! errors.

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
