//! Stops the program on Ctrl-C or SIGTERM.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::exit_code::INTERRUPTED;

/// Time after the first signal during which further signals are ignored; `timeout`, for example, sends its signal
/// twice.
const SAME_SIGNAL_WITHIN: Duration = Duration::from_millis(500);

/// Returns a token that the first Ctrl-C or SIGTERM cancels. Further signals are ignored for 500 ms. After that, the
/// next signal exits the process at once, with [`INTERRUPTED`].
///
/// # Panics
/// If called outside a Tokio runtime.
#[must_use]
pub fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        signal().await;
        eprintln!("\nshutting down; press Ctrl-C again to abort");
        token.cancel();
        tokio::time::sleep(SAME_SIGNAL_WITHIN).await;
        signal().await;
        std::process::exit(INTERRUPTED.into());
    });
    stop
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
