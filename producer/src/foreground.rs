//! A feed in the foreground of a terminal: shown while it runs, ended by Ctrl-C.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::display::Display;
use crate::feed::Feed;
use crate::progress::Progress;
use crate::run::{self, RunError, Target};
use crate::summary::Summary;

/// Exit code of a program that a signal has stopped before its work was done.
pub const INTERRUPTED: u8 = 130;

/// Signals this close together are one: `timeout`, for instance, sends its own twice.
const ONE_SIGNAL: Duration = Duration::from_millis(500);

/// Runs a feed on a thread of its own and shows its progress until it has ended.
///
/// # Errors
/// [`RunError`] of the feed.
///
/// # Panics
/// Where the feed does.
pub async fn run(
    feed: Feed,
    target: Target,
    progress: Arc<Progress>,
    stop: CancellationToken,
) -> Result<Summary, RunError> {
    let display = Display::start(Arc::clone(&progress));
    let done = run_unseen(feed, target, progress, stop).await;
    drop(display);
    done
}

/// Runs a feed on a thread of its own, for a program that shows its progress itself.
///
/// # Errors
/// [`RunError`] of the feed.
///
/// # Panics
/// Where the feed does.
pub async fn run_unseen(
    feed: Feed,
    target: Target,
    progress: Arc<Progress>,
    stop: CancellationToken,
) -> Result<Summary, RunError> {
    let done = tokio::task::spawn_blocking(move || run::run(&feed, &target, &progress, stop)).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// A token that the first Ctrl-C (or SIGTERM) cancels; the second ends the process at once.
#[must_use]
pub fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        signal().await;
        eprintln!("\nstopping: finishing what is under way; once more stops at once");
        token.cancel();
        tokio::time::sleep(ONE_SIGNAL).await;
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
