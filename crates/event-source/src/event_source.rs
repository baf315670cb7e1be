//! The event source: a [`Subscription`] that runs on its own thread.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::function::Function;
use crate::progress::Progress;
use crate::reader::{EventSourceError, Subscription};
use crate::settings::Settings;

/// Reads topics and invokes a function with their records. Dropping it stops it.
pub struct EventSource {
    stop: DropGuard,
    thread: tokio::task::JoinHandle<Result<(), EventSourceError>>,
}

impl EventSource {
    /// Starts an event source.
    ///
    /// # Errors
    /// [`EventSourceError::Kafka`] if librdkafka rejects a setting.
    pub fn start(
        settings: Settings,
        function: Arc<dyn Function>,
        progress: Arc<Progress>,
    ) -> Result<Self, EventSourceError> {
        let subscription = Subscription::new(settings, function, progress)?;
        let stop = CancellationToken::new();
        let token = stop.clone();
        let thread = tokio::task::spawn_blocking(move || subscription.run(&Handle::current(), &token));
        Ok(EventSource { stop: stop.drop_guard(), thread })
    }

    /// Waits until `stop` is cancelled, then calls [`EventSource::finish`]. Returns earlier if the event source fails.
    ///
    /// # Errors
    /// The error that ended the event source.
    pub async fn until(mut self, stop: CancellationToken) -> Result<(), EventSourceError> {
        tokio::select! {
            ended = &mut self.thread => ended?,
            () = stop.cancelled() => self.finish().await,
        }
    }

    /// Completes and commits the current invocation, and stops the event source.
    ///
    /// # Errors
    /// The error that ended the event source earlier.
    pub async fn finish(self) -> Result<(), EventSourceError> {
        drop(self.stop);
        self.thread.await?
    }

    /// Waits until the event source ends on its own, which it does only if it fails, and returns why.
    pub async fn failure(&mut self) -> EventSourceError {
        match (&mut self.thread).await {
            Ok(Ok(())) => EventSourceError::Stopped,
            Ok(Err(error)) => error,
            Err(error) => error.into(),
        }
    }
}
