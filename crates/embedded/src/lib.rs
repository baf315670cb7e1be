//! A Kafka-compatible [`broker`] and an [`s3`] that run inside this process.
//!
//! With them `tickerlake run` and `up` need no Docker, no Java and no AWS account. Both are single nodes that listen on
//! loopback addresses only. Each module says which crates it is built on and why they were chosen; no other crate of the
//! workspace depends on those, so that another implementation can replace them.

pub mod broker;
pub mod s3;
