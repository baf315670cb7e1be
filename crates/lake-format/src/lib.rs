//! The format of a lake: what the sink, the audit and SQL must agree on, defined once.
//!
//! [`keys`] names objects and ledgers, [`codec`] compresses and decompresses objects, [`record_line`] puts a record's
//! coordinates in front of its own bytes, [`ledger`] is the text of a ledger, [`json`] validates a value without
//! copying it, and [`columns`] checks its fields against the table. [`InvalidRecord`] says why a record goes to the
//! quarantine. [`RecordId`] identifies a record, and [`topic`] has the rules for topic names.
//!
//! Nothing here does I/O. Texts that are stored (keys, lines, ledgers, quarantine reasons) must not change: every later
//! version reads, audits and continues the lakes of earlier ones.

pub mod codec;
pub mod columns;
mod invalid_record;
pub mod json;
pub mod keys;
pub mod ledger;
mod record_id;
pub mod record_line;
pub mod topic;

pub use invalid_record::InvalidRecord;
pub use record_id::{ParseRecordIdError, RecordId};
