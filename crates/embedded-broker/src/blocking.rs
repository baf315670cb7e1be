//! Work that waits for the disk or computes for long.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs work that waits for the disk or computes for long. Meanwhile, another thread runs the tasks that would wait for
/// this thread. A runtime with one thread only runs the work.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
