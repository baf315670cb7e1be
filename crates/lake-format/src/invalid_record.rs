//! Reasons to quarantine a record.
//!
//! The texts of the reasons are stored with the records and must not change.

use crate::json::JsonError;

/// Reason that a record is invalid. Its message is the `reason` field of the quarantine line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// The record has no value. In a compacted topic, a record without a value marks a deleted key.
    #[error("tombstone: the record has no value")]
    Tombstone,
    /// The value is not base64, so the bytes that the producer sent are unknown.
    #[error("not base64")]
    NotBase64,
    /// The value is not UTF-8.
    #[error("not UTF-8: invalid byte at {at}")]
    NotUtf8 {
        /// Index of the first invalid byte in the value.
        at: usize,
    },
    /// The value is not a JSON object that every parser accepts.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The timestamp, in milliseconds since the Unix epoch, is before 1970 or after 9999, so the record has no `dt=`
    /// partition.
    #[error("no usable timestamp: {0}")]
    NoTimestamp(i64),
    /// A field has the name of a coordinate, ignoring case. Athena ignores case too, and would read the field instead
    /// of the coordinate.
    #[error("field {0:?} is named like a coordinate of the record")]
    CoordinateName(String),
    /// A field has the name of a field that `SINK_METADATA` adds, ignoring case.
    #[error("field {0:?} is named like a field that SINK_METADATA adds")]
    MetadataName(String),
    /// Two fields have different names that are equal ignoring case, so a table would keep only one of them.
    #[error("field {second:?} is named like field {first:?}, ignoring case")]
    FieldNames {
        /// Name of the earlier field, truncated.
        first: String,
        /// Name of the later field, truncated.
        second: String,
    },
    /// The table's column cannot hold the value.
    #[error("column {column}: {found} is not {wanted}")]
    Column {
        column: String,
        /// The value, truncated, or the type of an object or array.
        found: String,
        /// Description of the values that the column can hold.
        wanted: &'static str,
    },
    /// The partition field's value is an object, an array, or too long for an object key.
    #[error("partition field {field:?}: {fault}")]
    PartitionField {
        field: String,
        /// Description of the problem.
        fault: &'static str,
    },
}
