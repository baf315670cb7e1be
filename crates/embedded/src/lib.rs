//! An S3-compatible object store ([`s3`]) that runs inside this process, so that `tickerlake run` and `up` need neither
//! a container nor an AWS account. No other crate of the workspace depends on the crates it is built on.

pub mod s3;
