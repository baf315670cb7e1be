//! Defines the error for a server that does not honour conditional writes.

/// Error for a server that does not honour conditional writes.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the S3 server {endpoint} does not honour conditional writes, so records would be lost or stored twice, and nothing was stored: it answered {answer} to a write with {condition}, where S3 answers {expected}; use a server that honours If-None-Match and If-Match, and start again"
)]
pub struct ConditionIgnored {
    /// URL of the server.
    pub endpoint: String,
    /// Status and error code of the server's answer.
    pub answer: String,
    /// The condition, and why it is not met.
    pub condition: &'static str,
    /// Status of S3's answer.
    pub expected: &'static str,
}
