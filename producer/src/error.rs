//! The error of a whole run. The errors that it wraps are defined in the modules that return them.

use thiserror::Error;

use crate::delivery::error::OutputError;
use crate::feed::source::InputError;
use crate::report::rejects::RejectsError;

/// Reason that a feed failed. The feed's [`Progress`](crate::report::progress::Progress) counts the records that were
/// delivered before the failure.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// An input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A file of rejected rows cannot be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// The records cannot be delivered or printed, or the feed cannot be resumed without duplicates.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl RunError {
    /// Returns `true` if `--resume` rejects the feed: nothing was sent, and the same command would fail again.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Output(OutputError::Resume(error)) if error.is_usage())
    }
}
