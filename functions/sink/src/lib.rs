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
//!                    v  one partition batch per partition
//!                  storage: commit protocol <--> S3
//!                    |
//!                    v
//!                  response: null, the failed partitions, or an error
//! ```
//!
//! - [`config`]: reads the settings from the environment variables `SINK_...`.
//! - [`body`]: takes the event's bytes out of the invocation before `lambda_runtime` parses them.
//! - `handler`: handles an invocation, from the event to the stored objects.
//! - [`batch`]: turns an event into the lines and object prefixes of each partition, without I/O.
//! - `validate`: validates record values, with caches for what the records of a topic have in common.
//! - [`storage`]: executes the commit protocol against S3.
//! - [`response`]: the partial batch response.
//! - [`metrics`]: formats the log line of a batch, from which `CloudWatch` also extracts metrics.
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
pub use storage::{Cause, ConditionIgnored, PartitionError};
