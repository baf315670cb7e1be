//! Splits CSV text into rows. How a file is read is decided by [`plan`](crate::plan).

pub mod delimiter;
pub(crate) mod field_name;
pub mod row;
pub mod row_reader;
