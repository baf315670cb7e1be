//! What the `producer` and `tickerlake` command lines share: exit codes, signals, and numbers and errors as people read
//! them.

pub mod errors;
pub mod exit_code;
pub mod numbers;
pub mod signal;
