//! The sink: a batch of Kafka records in, JSON objects on S3 out.
//!
//! A batch arrives as the event that AWS Lambda's Kafka event source sends ([`event`]). Each record is
//! checked (`check`, [`json`], [`columns`]) and becomes one line ([`mod@line`]) of a [`batch`], in whose [`part`] it has
//! its partition and group; lines are compressed ([`codec`]) and put under keys that depend on nothing but the records
//! ([`layout`]). That each is put once, whatever fails and whoever else is at it, is the work of [`chain`]. Only
//! [`store`], `partition` and [`function`] do I/O.
//!
//! What the sink and the tools must agree on, object keys and record lines, is defined here and nowhere else.

pub mod batch;
pub mod body;
pub mod config;
pub mod handler;
pub mod metrics;
pub mod response;
pub mod storage;
#[cfg(test)]
mod testing;
mod validate;

pub use config::Config;
pub use handler::{BatchError, Outcome, Sink};
pub use storage::committer::{Fault, PartitionError};
