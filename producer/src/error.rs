//! The error of a whole run. Each variant's own error is defined where it occurs.

use thiserror::Error;

use crate::delivery::error::OutputError;
use crate::feed::source::InputError;
use crate::report::rejects::RejectsError;

/// Why a feed failed. The feed's [`Progress`](crate::report::progress::Progress) counts the records delivered before.
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

impl RunError {
    /// Returns `true` if the arguments are wrong: nothing was sent, and the same command would fail again.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Output(OutputError::Resume(error)) if error.is_usage())
    }
}
