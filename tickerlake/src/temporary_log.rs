//! The folder in which `run` keeps the log of its broker.
//!
//! The log contains the whole feed, so it is on disk rather than in memory. `run` removes it at the end. If the process
//! is killed, the next `run` removes it.

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use embedded_broker::LOCK_FILE;
use tempfile::TempDir;

/// Prefix of the folders. The lake's objects are in another folder beside them.
const PREFIX: &str = ".tickerlake-run-";

/// Creates a folder in `parent`, after removing the folders that no broker uses any more.
///
/// # Errors
/// If the folder cannot be created, or the folders in `parent` cannot be listed.
pub(crate) fn create(parent: &Path) -> anyhow::Result<TempDir> {
    let create = || {
        std::fs::create_dir_all(parent)?;
        remove_unused(parent)?;
        tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)
    };
    create().with_context(|| format!("failed to create a folder for the broker's log in {}", parent.display()))
}

/// Removes the folders whose lock is free. A folder without a lock may belong to a broker that is starting.
fn remove_unused(parent: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join(LOCK_FILE)) else { continue };
        if lock.try_lock().is_ok()
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "failed to remove the log of an earlier run");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unused_folders_are_removed() {
        let parent = TempDir::new().unwrap();
        let [unused, used, starting] = [(); 3].map(|()| create(parent.path()).unwrap().keep());
        std::fs::write(unused.join(LOCK_FILE), "").unwrap();
        let lock = File::create(used.join(LOCK_FILE)).unwrap();
        lock.lock().unwrap();
        std::fs::create_dir(parent.path().join("tickerlake")).unwrap();
        let new = create(parent.path()).unwrap();
        assert_eq!([&unused, &used, &starting].map(|path| path.exists()), [false, true, true]);
        assert!(new.path().exists() && parent.path().join("tickerlake").exists());
    }
}
