//! Storage: executes the requests of the commit protocol against S3.
//!
//! - `committer`: runs the commit protocol for one partition of a batch.
//! - [`s3_adapter`]: the requests: conditional writes, reads and lists.
//! - [`https`]: the HTTP client of the AWS SDK.

mod committer;
pub mod https;
pub mod s3_adapter;

pub use committer::{Cause, PartitionError, Rejection};
pub(crate) use committer::{Committer, LedgerRead};
