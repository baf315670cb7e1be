//! Errors returned when objects are listed, read or changed.

use std::io;

use object_store::path::Path;

/// Reason that a lake could not be listed, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The lake's prefix, a topic or a key is not a valid [`Path`], for example because one of its parts is empty.
    #[error("{key:?} cannot be part of an object key")]
    Key {
        /// The rejected key or prefix.
        key: String,
        source: object_store::path::Error,
    },
    /// The store failed to list a prefix. Retrying may help.
    #[error("failed to list the objects under {key}")]
    List {
        /// The prefix.
        key: String,
        source: object_store::Error,
    },
    /// The store failed to return an object. Retrying may help.
    #[error("failed to read the object {key}")]
    Read { key: String, source: object_store::Error },
    /// The store failed to write an object. Retrying may help.
    #[error("failed to write the object {key}")]
    Write { key: String, source: object_store::Error },
    /// The store failed to copy an object. Retrying may help.
    #[error("failed to copy the object {from} to {to}")]
    Copy {
        /// Key of the object.
        from: String,
        /// Key of the copy.
        to: String,
        source: object_store::Error,
    },
    /// The store failed to delete an object. Retrying may help.
    #[error("failed to delete the object {key}")]
    Delete { key: String, source: object_store::Error },
    /// Another program has created or replaced the object. Read it again before retrying.
    #[error("another program has written the object {key}")]
    Changed { key: String },
    /// An object could not be decoded. Retrying does not help.
    #[error("failed to decode the object {key}")]
    Decode { key: String, source: DecodeError },
}

impl StoreError {
    pub(crate) fn decode(key: &Path, source: impl Into<DecodeError>) -> Self {
        Self::Decode { key: key.to_string(), source: source.into() }
    }
}

/// Reason that an object's bytes could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The object's name does not indicate a codec.
    #[error("the object's name does not end in .json, .json.gz or .json.zst")]
    UnknownCodec,
    /// The bytes are truncated, cannot be decompressed with the codec, or are not UTF-8.
    #[error(transparent)]
    Bytes(#[from] io::Error),
}
