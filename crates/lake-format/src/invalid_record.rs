//! Reasons for which a record goes to the quarantine.
//!
//! Their texts are stored with the records, so they must not change.

use crate::json::JsonError;

/// Why a record is invalid for the table. The text is the `reason` field of the quarantine line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// The record has no value: in a compacted topic it marks a deleted key.
    #[error("tombstone: the record has no value")]
    Tombstone,
    /// The value is not base64, so the bytes that the producer sent are unknown.
    #[error("not base64")]
    NotBase64,
    /// The value is not UTF-8.
    #[error("not UTF-8: invalid byte at {at}")]
    NotUtf8 {
        /// Position of the first invalid byte, from the start of the value.
        at: usize,
    },
    /// The value is not a JSON object that every reader accepts.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The timestamp, in milliseconds since 1970, has no date with a four-digit year, so no `dt=` partition.
    #[error("no usable timestamp: {0}")]
    NoTimestamp(i64),
    /// A field is named like one of the coordinates. Athena ignores case and reads the last field of a name.
    #[error("field {0:?} is named like a coordinate of the record")]
    CoordinateName(String),
    /// The table's column cannot hold the value.
    #[error("column {column}: {found} is not {wanted}")]
    Column {
        /// The column's name.
        column: String,
        /// The value, truncated.
        found: String,
        /// Description of the values that the column can hold.
        wanted: &'static str,
    },
    /// The partition field's value is an object, an array, or too long for an object key.
    #[error("partition field {field:?}: {fault}")]
    PartitionField {
        /// The field's name.
        field: String,
        /// Description of the problem.
        fault: &'static str,
    },
}
