//! Helpers that the command-line programs `producer` and `tickerlake` share: exit codes, signals, the user's command,
//! and the formatting of numbers and errors.

pub mod arguments;
pub mod errors;
pub mod exit_code;
pub mod numbers;
pub mod signal;
