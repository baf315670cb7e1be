//! The error of a whole run. Each variant's own error is defined where it occurs.

use thiserror::Error;

use crate::delivery::error::OutputError;
use crate::feed::source::InputError;
use crate::report::rejects::RejectsError;

/// Why a feed failed. What was delivered before is in its [`Progress`](crate::report::progress::Progress).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// An input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A file of rejected rows cannot be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// The records cannot be delivered or printed, or the feed cannot be resumed.
    #[error(transparent)]
    Output(#[from] OutputError),
}
