//! Runs work that reads the lake, with a limited number of threads and a limited duration.
//!
//! Statements of users and the page's own reads have separate permits, so that two long statements do not stop every
//! chart. A permit is acquired before a thread is used, and belongs to the thread until the answer is built: a client
//! that disconnects does not make room for another one while its work still ends.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::ApiError;

/// Number of the page's own reads of the lake that run at the same time. Others wait without a thread.
const CONCURRENT_READS: usize = 4;

/// Maximum duration of one of the page's own reads.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Permits of the page's own reads. A process has one console.
static READS: Semaphore = Semaphore::const_new(CONCURRENT_READS);

/// Runs one of the page's own reads of the lake. The futures of such work borrow across their awaits in ways that the
/// compiler cannot prove to be `Send`, so it has a thread. Dropping the returned future cancels the work.
pub(crate) async fn on_thread<T, F, W>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = Result<T, ApiError>>,
{
    let permit = READS.acquire().await.map_err(|_| broken())?;
    within(READ_TIMEOUT, permit, work).await
}

/// Runs a user's statement with one of `permits`, for at most `limit`. Waiting for a permit does not count.
pub(crate) async fn statement<T, F, W>(permits: &Arc<Semaphore>, limit: Duration, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = Result<T, ApiError>>,
{
    let permit = Arc::clone(permits).acquire_owned().await.map_err(|_| broken())?;
    within(limit, permit, work).await
}

/// Runs work without a limit of its duration.
pub(crate) async fn unlimited<T, F, W>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = Result<T, ApiError>>,
{
    spawn((), work).await
}

async fn within<T, F, W>(limit: Duration, permit: impl Send + 'static, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = Result<T, ApiError>>,
{
    spawn(permit, move || async move { timeout(limit, work()).await.unwrap_or_else(|_| Err(late(limit))) }).await
}

async fn spawn<T, F, W>(permit: impl Send + 'static, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = Result<T, ApiError>>,
{
    let stop = CancellationToken::new();
    let _cancel = stop.clone().drop_guard();
    let runtime = Handle::current();
    let done = spawn_blocking(move || {
        let _permit = permit;
        runtime.block_on(stop.run_until_cancelled(work()))
    });
    match done.await {
        Ok(Some(result)) => result,
        Ok(None) => Err(ApiError::unavailable("cancelled")),
        Err(_) => Err(broken()),
    }
}

fn late(limit: Duration) -> ApiError {
    ApiError::unavailable(format!(
        "this took longer than {} s and was stopped; `tickerlake query` has no limit of time",
        limit.as_secs_f64()
    ))
}

fn broken() -> ApiError {
    ApiError {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        message: "internal error: the console failed to answer (this is a bug)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_takes_too_long_is_stopped() {
        let error = within(Duration::from_millis(20), (), || async {
            std::future::pending::<()>().await;
            Ok(())
        });
        assert!(error.await.unwrap_err().message.starts_with("this took longer than 0.02 s"));
    }

    #[tokio::test]
    async fn reads_wait_for_each_other_without_threads() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let reads = (0..20).map(|_| {
            on_thread(|| async {
                MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        futures::future::try_join_all(reads).await.unwrap();
        assert!(MOST.load(Ordering::SeqCst) <= CONCURRENT_READS);
    }

    #[tokio::test]
    async fn permit_belongs_to_the_thread_until_its_work_ends() {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&semaphore).acquire_owned().await.unwrap();
        let work = spawn(permit, || async {
            // Building an answer does not yield.
            std::thread::sleep(Duration::from_millis(300));
            Ok(())
        });
        // The client disconnects.
        assert!(timeout(Duration::from_millis(50), work).await.is_err());
        assert_eq!(semaphore.available_permits(), 0);
        let again = timeout(Duration::from_secs(10), semaphore.acquire()).await;
        assert!(again.is_ok());
    }
}
