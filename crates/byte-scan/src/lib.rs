//! Scans text sixteen bytes at a time.
//!
//! The event reader and the JSON validator look at every byte of every record. This crate classifies the bytes of a
//! block of sixteen bytes in one step ([`simd`]), parses decimal numbers, and increments them in place ([`digits`]).
//!
//! `memchr` is not sufficient: it searches for up to three given bytes, not for a class of bytes ("a control character,
//! a quotation mark or a backslash", "anything but a digit").

pub mod digits;
pub mod simd;
