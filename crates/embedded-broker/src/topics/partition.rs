//! A partition: its log, and the Fetch requests that wait for records.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kafka_log::Log;
use tokio::sync::Notify;

/// A partition. Its log is dropped when the topic is deleted or the broker stops.
#[derive(Debug)]
pub(crate) struct Partition {
    log: RwLock<Option<Log>>,
    waiters: Mutex<HashMap<u64, Arc<Notify>>>,
}

impl Partition {
    pub(crate) fn new(log: Log) -> Self {
        Partition { log: RwLock::new(Some(log)), waiters: Mutex::default() }
    }

    /// Calls `read` with the log, or returns `None` if the partition no longer exists.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Log) -> T) -> Option<T> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(read)
    }

    /// Calls `change` with the log, or returns `None` if the partition no longer exists.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Log) -> T) -> Option<T> {
        self.log.write().unwrap_or_else(PoisonError::into_inner).as_mut().map(change)
    }

    /// Drops the log and wakes the requests that wait for it.
    pub(crate) fn close(&self) {
        drop(self.log.write().unwrap_or_else(PoisonError::into_inner).take());
        self.wake();
    }

    /// Wakes the requests that wait for records.
    pub(crate) fn wake(&self) {
        for waiter in self.waiters().values() {
            waiter.notify_one();
        }
    }

    fn waiters(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Notify>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiter for a change of any of several partitions. It is registered with them until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    id: u64,
    changed: Arc<Notify>,
    partitions: Vec<Arc<Partition>>,
}

impl Waiter {
    /// Registers a waiter. A change after this call is not missed, even if it precedes [`Waiter::changed`].
    pub(crate) fn register(partitions: Vec<Arc<Partition>>) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let changed = Arc::new(Notify::new());
        for partition in &partitions {
            partition.waiters().insert(id, Arc::clone(&changed));
        }
        Waiter { id, changed, partitions }
    }

    /// Returns when a partition has changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        for partition in &self.partitions {
            partition.waiters().remove(&self.id);
        }
    }
}
