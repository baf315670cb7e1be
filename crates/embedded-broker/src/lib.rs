//! A Kafka-compatible broker for one machine.
//!
//! The broker is one node with the id 1. It is reachable on the loopback address only, without authentication and
//! encryption. It exists so that a pipeline runs on one machine without Java: it starts in milliseconds, inside a
//! program, on a folder or in memory. Apache Kafka 4.2 is the reference for the behaviour and the error codes of
//! everything it offers. APIs that it lacks are not listed in `ApiVersions`, so clients report that the broker does not
//! support them.
//!
//! ```text
//!   connection      one task for each client: requests in, responses out, in order
//!      |
//!     wire          headers, offered versions, and a check of every length before a request is decoded
//!      |
//!      api          one handler for each API: pure translation between messages and the state
//!      |
//!     state         topics with their logs (kafka-log), groups with their offsets (kafka-groups)
//! ```
//!
//! # Threads
//!
//! Handlers are synchronous and hold locks for microseconds, except where they wait for the disk. There they call
//! `blocking`, so that another thread runs the other tasks meanwhile. No lock is held during the longest waits: a full
//! segment is written to the disk before the partition is locked, a journal is rewritten beside the old one, and the
//! records of a deleted topic are deleted after the topic has been removed.
//!
//! The broker does not offer replication, authentication, quotas, compaction, the consumer protocol of KIP-848, or
//! share groups.

mod api;
mod blocking;
mod broker;
mod clock;
mod connection;
mod descriptors;
mod error;
#[cfg(test)]
mod fuzz;
mod groups;
mod journaled;
mod markers;
mod memory;
mod options;
mod recovery;
mod state;
mod topics;
mod transactions;
mod wire;

pub use broker::{Broker, Topic};
pub use error::BrokerError;
pub use kafka_log::LOCK_FILE;
pub use options::{Options, Storage};
