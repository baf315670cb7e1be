//! Storing a batch: the commit protocol's requests, executed against S3.

pub(crate) mod committer;
pub mod https;
pub mod s3_adapter;
