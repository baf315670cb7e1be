//! Work that waits for the disk or computes for long.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs work that waits for the disk or computes for long, while another thread runs the tasks that wait for this one.
/// On a runtime with one thread it just runs the work.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
