//! Reads CSV: splits a stream into rows, maps a header to fields, and parses date cells.
//!
//! Nothing here opens files; [`feed`](crate::feed) does.

pub mod date;
pub mod delimiter;
pub(crate) mod field_name;
pub mod header;
pub mod options;
pub mod row;
pub mod row_reader;
