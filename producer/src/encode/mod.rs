//! Turns rows into JSON records according to a reading plan.

mod json;
pub(crate) mod number;
pub(crate) mod record_encoder;
pub(crate) mod reject;
pub(crate) mod repeats;
