//! The reason for a failed invocation.

use crate::function::InvokeError;

/// Reason that an invocation failed, entirely or for some of the records.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The invocation failed, so none of the records counts as processed.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// The partial batch response names this number of records.
    #[error("the function reported {0} failed {noun}", noun = if *.0 == 1 { "record" } else { "records" })]
    Items(usize),
    /// The response is not a partial batch response, although the mapping expects one.
    #[error("the function's response is not a partial batch response: {0}")]
    Response(#[from] serde_json::Error),
}
