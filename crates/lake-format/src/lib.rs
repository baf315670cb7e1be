//! The format of a lake: what the sink, the audit and SQL must agree on, defined once.
//!
//! [`keys`] names objects and ledgers, [`codec`] compresses and decompresses objects, [`record_line`] puts a record's
//! coordinates in front of its own bytes, [`ledger`] is the text of a ledger, [`json`] validates a value without copying
//! it, and [`columns`] holds it against the table. Nothing here does I/O.

pub mod codec;
pub mod columns;
mod invalid_record;
pub mod json;
pub mod keys;
pub mod ledger;
pub mod record_line;

pub use invalid_record::InvalidRecord;
