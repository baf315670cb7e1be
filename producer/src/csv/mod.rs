//! Splits CSV text into rows. The [`plan`](crate::plan) decides how a file is read.

pub mod delimiter;
pub(crate) mod field_name;
pub mod row;
pub mod row_reader;
