//! Exit codes of the command lines.

/// The work failed; the error message gives the reason.
pub const FAILURE: u8 = 1;

/// The arguments or settings are wrong, so nothing was done.
pub const USAGE: u8 = 2;

/// The work is done, but some rows of the input were rejected.
pub const ROWS_REJECTED: u8 = 3;

/// A signal stopped the program before its work was done: 128 plus the number of SIGINT, as shells report it.
pub const INTERRUPTED: u8 = 130;
