//! What can go wrong between a lake and its objects.

/// Why a lake did not give what it holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The lake's prefix or a topic cannot be part of an object key.
    #[error("{key:?} cannot be part of an object key")]
    Key {
        /// The key as far as it was put together.
        key: String,
        /// What the object store says about it.
        source: object_store::path::Error,
    },
    /// The store did not list what lies under a key; a retry may help.
    #[error("failed to list the objects under {key}")]
    List {
        /// The key that was listed.
        key: String,
        /// What the object store says.
        source: object_store::Error,
    },
    /// The store did not hand out an object; a retry may help.
    #[error("failed to read the object {key}")]
    Read {
        /// The object.
        key: String,
        /// What the object store says.
        source: object_store::Error,
    },
    /// An object does not hold what its name and its table say; no retry helps.
    #[error("failed to decode the object {key}: {reason}")]
    Decode {
        /// The object.
        key: String,
        /// What is wrong with it, with the line where there is one.
        reason: String,
    },
}

impl StoreError {
    /// An object that does not hold what it should.
    pub fn decode(key: &object_store::path::Path, reason: impl Into<String>) -> Self {
        Self::Decode { key: key.to_string(), reason: reason.into() }
    }
}
