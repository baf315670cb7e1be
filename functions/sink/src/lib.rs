//! The sink: stores the records of a Kafka event as JSON lines in compressed objects on S3.
//!
//! An invocation takes these steps:
//!
//! ```text
//! event (JSON) --> lambda-kafka-event: records
//!                    |
//!                    v
//!                  batch: validate each record, write its line, choose its object prefix
//!                    |
//!                    v  one batch for each partition
//!                  storage: commit protocol <--> S3
//!                    |
//!                    v
//!                  response: null, the partitions that failed, or an error
//! ```
//!
//! - [`config`]: the settings, from the environment variables `SINK_...`.
//! - [`body`]: takes the event's bytes out of the invocation before `lambda_runtime` parses them.
//! - `handler`: the function itself: from an event to stored objects.
//! - [`batch`]: from an event to the lines and object prefixes of each partition, without I/O.
//! - `validate`: validates a record's value, with caches for what records have in common.
//! - [`storage`]: executes the commit protocol against S3.
//! - [`response`]: the partial batch response.
//! - [`metrics`]: the log line of a batch, which `CloudWatch` also reads as metrics.
//!
//! The crate `lake-format` defines object keys and record lines, and `commit-protocol` decides what to read and write.
//! Only [`storage`] does I/O.

pub mod batch;
pub mod body;
pub mod config;
mod handler;
pub mod metrics;
pub mod response;
pub mod storage;
#[cfg(test)]
mod testing;
mod validate;

pub use config::Config;
pub use handler::{BatchError, Outcome, Sink};
pub use storage::{Cause, PartitionError};
