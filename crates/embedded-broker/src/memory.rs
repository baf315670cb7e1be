//! A bound on the memory of the requests and responses of all connections together.
//!
//! A request may have 100 MiB and a response to Fetch 55 MiB, and there may be hundreds of connections. So a connection
//! asks before it reads a large request, and before it reads records for a large response, and waits while others use
//! the memory. Requests and responses have separate budgets: a request that waits for the memory of its response never
//! keeps another response from being sent. Small ones are not counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a request or a response that are not counted.
pub(crate) const SMALL: usize = 64 * 1024;

/// Time without a byte after which a connection that uses counted memory is closed, so that others can use it.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that one permit of a semaphore stands for.
const UNIT: usize = 1024;

/// The memory for large requests and responses.
#[derive(Debug)]
pub(crate) struct Memory {
    requests: Budget,
    responses: Budget,
}

#[derive(Debug)]
struct Budget {
    free: Arc<Semaphore>,
    units: u32,
}

/// Memory that is in use until the value is dropped.
#[derive(Debug)]
pub(crate) struct InUse(Option<OwnedSemaphorePermit>);

impl Memory {
    /// Allows `bytes` for requests and as many for responses. A single one of more bytes uses the whole budget.
    pub(crate) fn new(bytes: usize) -> Self {
        let budget = || {
            let units = units(bytes).clamp(1, u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
            Budget { free: Arc::new(Semaphore::new(units as usize)), units }
        };
        Memory { requests: budget(), responses: budget() }
    }

    /// Waits for the memory of a request.
    pub(crate) async fn request(&self, bytes: usize) -> InUse {
        self.requests.take(bytes).await
    }

    /// Waits for the memory of a response.
    pub(crate) async fn response(&self, bytes: usize) -> InUse {
        self.responses.take(bytes).await
    }
}

impl Budget {
    async fn take(&self, bytes: usize) -> InUse {
        if bytes <= SMALL {
            return InUse(None);
        }
        // The semaphore is never closed, so there is no error.
        InUse(Arc::clone(&self.free).acquire_many_owned(units(bytes).min(self.units)).await.ok())
    }
}

impl InUse {
    /// Returns memory of something that is not counted.
    pub(crate) fn none() -> Self {
        InUse(None)
    }

    /// Returns `true` if other connections may wait for this memory.
    pub(crate) fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// Frees what exceeds `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if bytes <= SMALL {
            self.0 = None;
        }
        if let Some(permit) = &mut self.0 {
            let surplus = permit.num_permits().saturating_sub(units(bytes) as usize);
            drop(permit.split(surplus));
        }
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn free(memory: &Memory) -> usize {
        memory.responses.free.available_permits() * UNIT
    }

    #[tokio::test]
    async fn response_waits_for_the_memory_of_others() {
        let memory = Memory::new(10 * MIB);
        let mut first = memory.response(8 * MIB).await;
        let mut second = std::pin::pin!(memory.response(4 * MIB));
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut second).await.is_err());
        first.shrink_to(6 * MIB);
        let second = second.await;
        assert_eq!(free(&memory), 0);
        drop((first, second));
        assert_eq!(free(&memory), 10 * MIB);
    }

    #[tokio::test]
    async fn small_and_oversized_responses_are_sent() {
        let memory = Memory::new(MIB);
        let mut oversized = memory.response(100 * MIB).await;
        assert_eq!(free(&memory), 0);
        assert!(!memory.response(SMALL).await.is_counted());
        oversized.shrink_to(SMALL);
        assert_eq!(free(&memory), MIB);
    }

    #[tokio::test]
    async fn requests_do_not_wait_for_responses() {
        let memory = Memory::new(MIB);
        let _response = memory.response(MIB).await;
        assert!(memory.request(MIB).await.is_counted());
    }
}
