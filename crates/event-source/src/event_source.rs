//! The event source: runs a [`Subscription`] on a separate thread.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::function::Function;
use crate::progress::Progress;
use crate::reader::{EventSourceError, Subscription};
use crate::settings::Settings;

/// A running event source: reads topics and invokes a function with their records. Dropping this value stops the event
/// source without waiting for the current invocation.
pub struct EventSource {
    stop: DropGuard,
    thread: tokio::task::JoinHandle<Result<(), EventSourceError>>,
}

impl EventSource {
    /// Starts an event source. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`EventSourceError::Kafka`] if librdkafka rejects a setting or the topics.
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

    /// Stops the event source. The current invocation is completed and its offsets are committed first.
    ///
    /// # Errors
    /// The error that ended the event source.
    pub async fn finish(self) -> Result<(), EventSourceError> {
        drop(self.stop);
        self.thread.await?
    }

    /// Waits until the event source fails and returns the error. After that, the event source can only be dropped.
    pub async fn failure(&mut self) -> EventSourceError {
        match (&mut self.thread).await {
            Ok(Ok(())) => EventSourceError::Stopped,
            Ok(Err(error)) => error,
            Err(error) => error.into(),
        }
    }
}
