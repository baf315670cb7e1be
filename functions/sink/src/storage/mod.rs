//! Storage: executes the requests of the commit protocol against S3.
//!
//! - `committer`: runs the commit protocol for one partition of a batch.
//! - `condition_ignored`: the error for a server that does not honour conditional writes.
//! - `partition_error`: the error for a partition whose records are not all stored.
//! - `probe`: checks whether a server honours conditional writes.
//! - `remedy`: remedies for S3's errors.
//! - [`endpoint`]: creates the S3 client from the environment.
//! - [`s3_adapter`]: sends the requests: conditional writes, reads and lists.
//! - [`https`]: the HTTP client of the AWS SDK.

mod committer;
mod condition_ignored;
pub mod endpoint;
pub mod https;
mod partition_error;
mod probe;
mod remedy;
pub mod s3_adapter;

pub(crate) use committer::{Committer, LedgerRead};
pub use condition_ignored::ConditionIgnored;
pub use partition_error::{Cause, PartitionError, Rejection};
pub(crate) use probe::Probe;
