//! Why a record goes to the quarantine.

use crate::json::JsonError;

/// What would make a record poison for a table. Its text is the `reason` of the quarantine line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// No value: in a compacted topic the mark of a deleted key.
    #[error("tombstone: the record has no value")]
    Tombstone,
    /// The value is not base64, so what the producer sent is not known.
    #[error("not base64")]
    NotBase64,
    /// The value is not UTF-8.
    #[error("not UTF-8: invalid byte at {at}")]
    NotUtf8 {
        /// Bytes from the start of the value.
        at: usize,
    },
    /// Not a JSON object that every reader takes.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The record has no timestamp that names a day, so no partition to be stored in.
    #[error("no usable timestamp: {0}")]
    NoTimestamp(i64),
    /// A field named like one of the coordinates; Athena ignores case and takes the last of a name.
    #[error("field {0:?} is named like a coordinate of the record")]
    CoordinateName(String),
    /// A value that the table's column cannot hold.
    #[error("column {column}: {found} is not {wanted}")]
    Column {
        /// The column's name.
        column: String,
        /// The value, shortened.
        found: String,
        /// What the column holds.
        wanted: &'static str,
    },
    /// The field that names the partition is an object, an array or too long for an object key.
    #[error("partition field {field:?}: {fault}")]
    PartitionField {
        /// The field's name.
        field: String,
        /// What is wrong with its value.
        fault: &'static str,
    },
}
