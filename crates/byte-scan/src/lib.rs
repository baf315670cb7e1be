//! Scans text sixteen bytes at a time.
//!
//! The event reader and the JSON validator look at every byte of every record. Both compare a block of sixteen bytes in
//! one step ([`simd`]), and parse and increment decimal numbers in place ([`digits`]).
//!
//! `memchr` is not sufficient: it searches for up to three given bytes, not for a class of bytes ("a control character,
//! a quotation mark or a backslash", "anything but a digit").

pub mod digits;
pub mod simd;
