//! Ctrl-C.

use tokio_util::sync::CancellationToken;

/// A token that the first Ctrl-C cancels; the second ends the process at once, as users expect of a
/// program that takes its time.
pub fn on_ctrl_c() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            if let Err(error) = tokio::signal::ctrl_c().await {
                tracing::warn!("Ctrl-C cannot be caught: {error}");
                return;
            }
            if first {
                eprintln!("stopping; Ctrl-C again to stop at once");
                cancelled.cancel();
            } else {
                std::process::exit(130);
            }
        }
    });
    token
}
