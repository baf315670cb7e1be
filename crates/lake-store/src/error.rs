//! Errors of listing and reading.

use std::io;

use object_store::path::Path;

/// Why a lake could not be listed or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The lake's prefix or a topic contains something that an object key cannot.
    #[error("{key:?} cannot be part of an object key")]
    Key {
        /// The key as far as it was assembled.
        key: String,
        /// The cause.
        source: object_store::path::Error,
    },
    /// The store failed to list a folder; a retry may help.
    #[error("failed to list the objects under {key}")]
    List {
        /// The folder.
        key: String,
        /// The cause.
        source: object_store::Error,
    },
    /// The store failed to return an object; a retry may help.
    #[error("failed to read the object {key}")]
    Read {
        /// The object.
        key: String,
        /// The cause.
        source: object_store::Error,
    },
    /// An object's bytes are not what its name says; a retry does not help.
    #[error("failed to decode the object {key}")]
    Decode {
        /// The object.
        key: String,
        /// The cause.
        source: DecodeError,
    },
}

impl StoreError {
    pub(crate) fn decode(key: &Path, source: impl Into<DecodeError>) -> Self {
        Self::Decode { key: key.to_string(), source: source.into() }
    }
}

/// Why an object's bytes could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The name does not give a codec.
    #[error("its name ends in none of .json, .json.gz, .json.zst")]
    UnknownCodec,
    /// The bytes are truncated, are not of the codec, or are not UTF-8.
    #[error(transparent)]
    Bytes(#[from] io::Error),
}
