//! The memory of the engine: one limit for all sorts, groups and joins of a query.
//!
//! The engine's own pools do not fit the views, which chain sorts: each keeps its rows while the next one fills. With
//! `GreedyMemoryPool` the first sorts take everything, and the next one fails, since it has nothing that it could write to
//! a file. `FairSpillPool` divides the memory among all operators that are registered, most of which hold nothing, so that
//! with several threads no share holds a batch.
//!
//! ```text
//! reservation      0 ──────── FLOOR ─────────────── limit / SHARES
//!                  always granted   granted if the   refused: the operator
//!                                   limit allows     writes to a file
//! ```

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};

/// Bytes that each operator gets even beyond the limit. A sort reserves 10 MB to merge its files, and a batch of wide rows
/// takes some megabytes.
const FLOOR: usize = 12_000_000;

/// Part of the limit that one operator that can write to files may hold: one quarter.
const SHARES: usize = 4;

/// Memory with a limit.
#[derive(Debug)]
pub(crate) struct BoundedPool {
    limit: usize,
    used: AtomicUsize,
}

impl BoundedPool {
    pub(crate) fn new(limit: usize) -> Self {
        BoundedPool { limit, used: AtomicUsize::new(0) }
    }

    /// Returns `true` if an operator that would hold `size` bytes, `additional` of them new, may.
    fn allows(&self, size: usize, additional: usize, can_spill: bool) -> bool {
        let is_small = size <= FLOOR;
        let is_fair = !can_spill || size <= self.limit / SHARES;
        is_small || is_fair && self.used.load(Ordering::Relaxed).saturating_add(additional) <= self.limit
    }
}

impl fmt::Display for BoundedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes used", self.used.load(Ordering::Relaxed), self.limit)
    }
}

impl MemoryPool for BoundedPool {
    fn name(&self) -> &str {
        "bounded"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let size = reservation.size().saturating_add(additional);
        let consumer = reservation.consumer();
        if !self.allows(size, additional, consumer.can_spill()) {
            let name = consumer.name();
            return Err(DataFusionError::ResourcesExhausted(format!("{name} needs {size} bytes, {self}")));
        }
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::MemoryConsumer;

    use super::*;

    const LIMIT: usize = 100_000_000;

    #[test]
    fn operator_that_can_spill_gets_a_share() {
        let pool: Arc<dyn MemoryPool> = Arc::new(BoundedPool::new(LIMIT));
        let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        sort.try_grow(LIMIT / SHARES).unwrap();
        assert!(sort.try_grow(1).is_err());
        let join = MemoryConsumer::new("join").register(&pool);
        join.try_grow(LIMIT - LIMIT / SHARES).unwrap();
        let error = join.try_grow(1).unwrap_err().to_string();
        assert!(error.contains("join needs 75000001 bytes, 100000000 of 100000000 bytes used"), "{error}");
    }

    #[test]
    fn every_operator_gets_the_floor() {
        let pool: Arc<dyn MemoryPool> = Arc::new(BoundedPool::new(LIMIT));
        let join = MemoryConsumer::new("join").register(&pool);
        join.try_grow(LIMIT).unwrap();
        let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        sort.try_grow(FLOOR).unwrap();
        assert!(sort.try_grow(1).is_err());
        drop((join, sort));
        assert_eq!(pool.reserved(), 0);
    }
}
