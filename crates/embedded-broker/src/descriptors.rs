//! The number of connections that leave enough file descriptors for everything else.

/// Descriptors for the files of the logs, and for the rest of the program.
const RESERVED: u64 = 512;

/// Connections that are accepted whatever the limit is.
const MIN_CONNECTIONS: u64 = 64;

/// Soft limit that the program asks for.
const WANTED: u64 = 65_536;

/// The limit of most systems, for those that do not report one.
const DEFAULT_LIMIT: u64 = 1_024;

/// Raises the soft limit of open files as far as the hard limit allows, and returns the number of connections that may
/// be open at the same time.
pub(crate) fn max_connections() -> usize {
    let limit = rlimit::increase_nofile_limit(WANTED).unwrap_or_else(|error| {
        tracing::warn!(%error, "failed to raise the limit of open files");
        DEFAULT_LIMIT
    });
    usize::try_from(connections(limit)).unwrap_or(usize::MAX).min(tokio::sync::Semaphore::MAX_PERMITS)
}

fn connections(limit: u64) -> u64 {
    limit.saturating_sub(RESERVED).max(MIN_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_keep_their_descriptors() {
        assert_eq!(connections(1_024), 512);
        assert_eq!(connections(256), MIN_CONNECTIONS);
        assert!(max_connections() > 0);
    }
}
