//! The servers that the pipeline needs, inside this process: a Kafka-compatible [`broker`] and an [`s3`].
//!
//! Both listen on loopback ports only and hold a single node's data: they let `tickerlake run` and `up` work
//! without Docker, Java or an AWS account. Each module names the crates it is built on and why; nothing outside
//! this crate depends on them.

pub mod broker;
pub mod s3;
