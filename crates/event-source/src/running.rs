//! A trigger that runs beside its caller.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::function::Function;
use super::progress::Progress;
use super::{Settings, Trigger, TriggerError};

/// A trigger on a thread of its own; it ends when this is dropped.
pub struct Running {
    stop: DropGuard,
    thread: tokio::task::JoinHandle<Result<(), TriggerError>>,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// [`TriggerError`] when librdkafka refuses a setting.
    pub fn start(
        settings: Settings,
        function: Arc<dyn Function>,
        progress: Arc<Progress>,
    ) -> Result<Self, TriggerError> {
        let trigger = Trigger::new(settings, function, progress)?;
        let stop = CancellationToken::new();
        let token = stop.clone();
        let thread = tokio::task::spawn_blocking(move || trigger.run(&Handle::current(), &token));
        Ok(Running { stop: stop.drop_guard(), thread })
    }

    /// Waits for `stop`, lets the invocation under way finish, and ends the trigger; sooner, if it fails.
    ///
    /// # Errors
    /// Why the trigger failed.
    pub async fn until(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            ended = &mut self.thread => Ok(ended??),
            () = stop.cancelled() => self.finish().await,
        }
    }

    /// Lets the invocation under way finish, and ends the trigger.
    ///
    /// # Errors
    /// Why the trigger had failed before.
    pub async fn finish(self) -> anyhow::Result<()> {
        drop(self.stop);
        Ok(self.thread.await??)
    }

    /// Completes when the trigger has ended of itself, which it does only when it fails; says why.
    pub async fn failure(&mut self) -> anyhow::Error {
        match (&mut self.thread).await {
            Ok(Ok(())) => anyhow::anyhow!("it was stopped"),
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }
}
