//! Scans text sixteen bytes at a time.
//!
//! The event reader and the JSON validator look at every byte of every record. Both look at a block of sixteen bytes in
//! one step ([`simd`]), and read and increment decimal numbers in place ([`digits`]).

pub mod digits;
pub mod simd;
