//! The format of a lake: what the sink, the audit and SQL must agree on, defined once.
//!
//! - [`keys`]: keys of objects and ledgers.
//! - [`codec`]: compression of objects.
//! - [`record_line`]: lines of valid records, the coordinates followed by the record's own bytes.
//! - [`ledger`]: the stored form of a ledger.
//! - [`json`]: validates a record's value without copying it.
//! - [`columns`]: validates the value's fields against the table.
//! - [`field_names`]: decides which field names are the same.
//! - [`metadata`]: the key and the headers in the lines of valid records.
//! - [`InvalidRecord`]: the reason to quarantine a record.
//! - [`RecordId`]: identifies a record by its topic, partition and offset.
//! - [`topic`]: the rules for topic names.
//!
//! Nothing here does I/O. The stored formats (keys, lines, ledgers, quarantine reasons) must not change, because later
//! versions must read, audit and continue the lakes of earlier versions.

pub mod codec;
pub mod columns;
pub mod field_names;
mod invalid_record;
pub mod json;
pub mod keys;
pub mod ledger;
pub mod metadata;
mod record_id;
pub mod record_line;
pub mod topic;

pub use invalid_record::InvalidRecord;
pub use record_id::{ParseRecordIdError, RecordId};
