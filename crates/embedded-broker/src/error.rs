//! Errors that can occur when the broker starts or stops.

use std::net::SocketAddr;

use kafka_groups::offsets::DecodeError;
use kafka_log::{FolderError, StorageError};

/// Reason that the broker failed to start or to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The port is in use or not permitted.
    #[error(
        "the embedded broker failed to listen on {address}: {source}; choose another port with --port, or a free one with --port 0"
    )]
    Listen { address: SocketAddr, source: std::io::Error },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An entry of the journal of committed offsets cannot be decoded.
    #[error("entry {index} of the broker's offsets.log is not valid: {source}")]
    Offsets { index: usize, source: DecodeError },
    /// An entry of the journal of transactions cannot be decoded.
    #[error("entry {index} of the broker's transactions.log is not valid: {source}")]
    Transactions { index: usize, source: DecodeError },
    /// A stored configuration of a topic is not valid.
    #[error("topic {topic} has an invalid configuration: {source}")]
    TopicConfig { topic: String, source: crate::topics::ConfigError },
}
