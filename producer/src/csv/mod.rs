//! Reads CSV.

pub mod date;
pub mod delimiter;
pub mod header;
pub mod options;
pub mod row_reader;
