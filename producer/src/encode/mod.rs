//! Turns rows into JSON records, without I/O.

pub(crate) mod number;
pub mod record_encoder;
pub(crate) mod reject;
