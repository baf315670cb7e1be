//! A Kafka-compatible [`broker`] and an S3-compatible object store ([`s3`]) that run inside this process.
//!
//! With them, `tickerlake run` and `up` need no Docker, no Java and no AWS account. Both are single nodes that listen
//! on loopback addresses only. Each module documents the crates it is built on and why they were chosen. No other crate
//! of the workspace depends on those crates, so they can be replaced here.

pub mod broker;
pub mod s3;
