//! Exit codes of the command-line programs.

/// The command failed; the error message gives the reason.
pub const FAILURE: u8 = 1;

/// The arguments or settings are wrong, or the feed cannot be resumed; nothing was sent.
pub const USAGE: u8 = 2;

/// The command succeeded, but some rows of the input were rejected.
pub const ROWS_REJECTED: u8 = 3;

/// A signal stopped the program early. The value is 128 plus the number of SIGINT, as shells report it.
pub const INTERRUPTED: u8 = 130;
