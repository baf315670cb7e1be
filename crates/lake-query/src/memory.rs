//! The memory of the engine: one limit for all sorts, groups and joins of a session, or of several sessions.
//!
//! The engine's own pools do not fit the views, which chain sorts: each sort keeps its rows while the next one fills.
//! With `GreedyMemoryPool`, the first sorts take all the memory, and the next one fails, because it has no rows yet
//! that it could write to a file. `FairSpillPool` divides the memory among all registered operators, most of which use
//! none, so with several threads a share is too small for a batch.
//!
//! ```text
//! memory of one operator      0 ──── FLOOR ──── limit / 6
//!                             granted  granted if the   refused: the operator
//!                                      limits allow     writes to a file
//!
//! memory of all operators     0 ──────────────── 2/3 limit ──── limit
//!                             granted            merges, joins  refused
//! ```
//!
//! An operator that must write its rows to a file merges them first, and this merge holds their keys, one for each row
//! in memory. The last third of the limit is for these merges: without it, a sort that was refused memory could not
//! release any.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};

/// Number of bytes that each operator may hold even beyond the limit. A sort reserves 10 MB to merge its files, and a
/// batch of wide rows takes several megabytes.
const FLOOR: usize = 12_000_000;

/// Divisor of the limit: an operator that can write to files may hold up to a sixth of the limit.
const SHARES: usize = 6;

/// Memory that sessions share: what their sorts, groups and joins hold together stays within one limit.
#[derive(Clone, Debug)]
pub struct Memory(Arc<BoundedPool>);

impl Memory {
    /// Creates memory with a limit in bytes, as [`Options::memory_limit`](crate::Options::memory_limit).
    pub fn new(limit: usize) -> Self {
        Memory(Arc::new(BoundedPool::new(limit)))
    }

    pub(crate) fn limit(&self) -> usize {
        self.0.limit
    }

    pub(crate) fn pool(&self) -> Arc<BoundedPool> {
        Arc::clone(&self.0)
    }
}

/// A memory pool with a limit, in bytes.
#[derive(Debug)]
pub(crate) struct BoundedPool {
    limit: usize,
    used: AtomicUsize,
}

impl BoundedPool {
    pub(crate) fn new(limit: usize) -> Self {
        BoundedPool { limit, used: AtomicUsize::new(0) }
    }

    /// Returns `true` if an operator may hold `size` bytes in total, of which `additional` are newly reserved.
    fn allows(&self, size: usize, additional: usize, can_spill: bool) -> bool {
        let used = self.used.load(Ordering::Relaxed).saturating_add(additional);
        let fits =
            if can_spill { size <= self.limit / SHARES && used <= self.limit / 3 * 2 } else { used <= self.limit };
        size <= FLOOR || fits
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
        assert!(error.contains("join needs 83333335 bytes, 100000000 of 100000000 bytes used"), "{error}");
    }

    #[test]
    fn merges_fit_beside_sorts_that_took_all_they_may() {
        let pool: Arc<dyn MemoryPool> = Arc::new(BoundedPool::new(LIMIT));
        let mut sorts = Vec::new();
        loop {
            let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
            if sort.try_grow(LIMIT / SHARES).is_err() {
                break;
            }
            sorts.push(sort);
        }
        assert_eq!(sorts.len(), 4);
        let merges: Vec<_> = sorts.iter().map(|_| MemoryConsumer::new("merge").register(&pool)).collect();
        for (sort, merge) in sorts.iter().zip(&merges) {
            merge.try_grow(sort.size() / 2).unwrap();
        }
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
