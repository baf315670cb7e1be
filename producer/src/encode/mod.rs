//! Turns rows into JSON records.

pub mod number;
pub mod record_encoder;
