//! A Kafka-compatible broker for one machine.
//!
//! One node with the id 1, reachable on the loopback address only, without authentication and encryption. It exists so
//! that a pipeline runs on one machine without Java: it starts in milliseconds, inside a program, on a folder or in
//! memory. Apache Kafka 4.2 is the reference for the behaviour and the error codes of everything it offers; what it
//! lacks is not listed in `ApiVersions`, so that clients explain it.
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
//! Handlers are synchronous and lock for microseconds, except where they wait for the disk: they say so with
//! `blocking`, and another thread runs the other tasks meanwhile. The longest waits are without a lock: a full segment
//! is written to the disk before the partition is locked, a journal is rewritten beside the old one, and the records of
//! a deleted topic are deleted after it is gone.
//!
//! Not offered: replication, authentication, quotas, compaction, the consumer protocol of KIP-848, and share groups.

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
pub use options::{Options, Storage};
