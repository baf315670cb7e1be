//! Cuts an object in half, and restores it.
//!
//! Before an object is cut, it is copied to a file beside the lake, so that no record is lost when the process is
//! killed. The next command that opens the lake for writing restores the object.
//!
//! ```text
//! DIR/.lab/tickerlake/data/quotes/dt=.../00000-....json.gz    the copy
//! DIR/tickerlake/data/quotes/dt=.../00000-....json.gz         the same object, cut
//! ```
//!
//! Each file is put in place with one rename, so no file is ever incomplete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lake_format::keys::parse_name;

/// Folder of the copies, in the folder of the lake. The name is not a valid bucket name, so it cannot be a bucket.
const FOLDER: &str = ".lab";

/// Name of a file that is being written.
const UNFINISHED: &str = "unfinished";

/// Reason that an object was not cut or restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DamageError {
    #[error("no object of this generation is stored yet")]
    NoObject,
    #[error("failed to read or write {}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// Cuts and restores the newest object of a topic. At most one object is cut at a time.
#[derive(Debug)]
pub(crate) struct Damage {
    /// Folder of the lake.
    dir: PathBuf,
    /// Folder of the topic's objects.
    objects: PathBuf,
    /// Generation of the objects that may be cut. Objects of other generations may contain the only copy of their
    /// records.
    generation: u32,
    cut: Mutex<Option<PathBuf>>,
}

impl Damage {
    pub(crate) fn new(dir: PathBuf, objects: PathBuf, generation: u32) -> Self {
        Damage { dir, objects, generation, cut: Mutex::default() }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut().is_some()
    }

    /// Cuts the newest object in half, or restores the one that is cut. Returns what it has done.
    pub(crate) fn toggle(&self) -> Result<String, DamageError> {
        let mut cut = self.cut();
        if let Some(path) = &*cut {
            let outcome = restore(&self.dir, path)?;
            let text = match outcome {
                Outcome::Restored => format!("{} is whole again", path.display()),
                Outcome::IsWhole => format!("{} was whole already", path.display()),
                Outcome::NoCopy => format!("{} has no copy any more and stays as it is", path.display()),
                Outcome::IsDifferent => format!(
                    "{} was replaced or deleted by another program and stays as it is; {} is the copy",
                    path.display(),
                    kept(&self.dir, path).display()
                ),
            };
            *cut = None;
            return Ok(text);
        }
        let path = newest(&self.objects, self.generation).ok_or(DamageError::NoObject)?;
        let content = fs::read(&path).map_err(|source| DamageError::File { path: path.clone(), source })?;
        write(&self.dir, &kept(&self.dir, &path), &content)?;
        write(&self.dir, &path, half(&content))?;
        let text = format!("{} lost its second half; run the audit", path.display());
        *cut = Some(path);
        Ok(text)
    }

    /// Restores the object if it is cut.
    pub(crate) fn restore(&self) -> Result<(), DamageError> {
        let mut cut = self.cut();
        if let Some(path) = &*cut {
            restore(&self.dir, path)?;
            *cut = None;
        }
        Ok(())
    }

    fn cut(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Restores the objects that an earlier process cut and did not restore. Returns their paths.
///
/// # Errors
/// [`DamageError`] if a file cannot be read, renamed or removed. The copy is kept.
pub(crate) fn restore_all(dir: &Path) -> Result<Vec<PathBuf>, DamageError> {
    let mut restored = Vec::new();
    for whole in files(&dir.join(FOLDER)) {
        let Ok(path) = whole.strip_prefix(dir.join(FOLDER)) else { continue };
        let path = dir.join(path);
        if restore(dir, &path)? == Outcome::Restored {
            restored.push(path);
        }
    }
    // Only empty folders and unfinished files are left.
    if files(&dir.join(FOLDER)).next().is_none() {
        let _ = fs::remove_dir_all(dir.join(FOLDER));
    }
    Ok(restored)
}

/// Result of restoring an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Restored,
    /// The object equals its copy. The copy is deleted.
    IsWhole,
    NoCopy,
    /// The object is neither cut nor whole, or is missing. Both files stay, because only a person can decide which one
    /// is right.
    IsDifferent,
}

/// Restores an object if it is the first half of its copy.
fn restore(dir: &Path, path: &Path) -> Result<Outcome, DamageError> {
    let whole = kept(dir, path);
    let failed = |source| DamageError::File { path: path.to_owned(), source };
    let content = match fs::read(&whole) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outcome::NoCopy),
        Err(error) => return Err(failed(error)),
    };
    match fs::read(path) {
        Ok(now) if now == half(&content) => {
            fs::rename(&whole, path).map_err(failed)?;
            Ok(Outcome::Restored)
        }
        Ok(now) if now == content => {
            fs::remove_file(&whole).map_err(failed)?;
            Ok(Outcome::IsWhole)
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => {
            tracing::warn!(
                object = %path.display(),
                kept = %whole.display(),
                "the object that the lab cut was changed or deleted since; move the copy to its place, or delete the copy"
            );
            Ok(Outcome::IsDifferent)
        }
    }
}

fn half(content: &[u8]) -> &[u8] {
    &content[..content.len() / 2]
}

/// Returns the path of an object's copy.
fn kept(dir: &Path, object: &Path) -> PathBuf {
    dir.join(FOLDER).join(object.strip_prefix(dir).unwrap_or(object))
}

/// Writes a file that appears whole, or not at all.
fn write(dir: &Path, path: &Path, content: &[u8]) -> Result<(), DamageError> {
    let failed = |source| DamageError::File { path: path.to_owned(), source };
    let unfinished = dir.join(FOLDER).join(UNFINISHED);
    for folder in [unfinished.parent(), path.parent()].into_iter().flatten() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::create(&unfinished).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

/// Returns the most recently changed object of a generation below a folder.
fn newest(folder: &Path, generation: u32) -> Option<PathBuf> {
    let of_generation = files(folder).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(parse_name);
        name.is_some_and(|(found, ..)| found == generation)
    });
    let dated = of_generation.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)));
    dated.max().map(|(_, path)| path)
}

/// Returns the files below a folder, except those that are being written.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut folders = vec![folder.to_owned()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if entry.file_name() != UNFINISHED => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const OBJECT: &str = "tickerlake/data/q/dt=2026-01-02/g2-00000-00000000000000000000.json";
    const OLDER: &str = "tickerlake/data/q/dt=2026-01-02/g1-00000-00000000000000000000.json";

    fn lake() -> (TempDir, Damage) {
        let dir = TempDir::new().unwrap();
        for (name, text) in [(OBJECT, "0123456789"), (OLDER, "another")] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let damage = Damage::new(dir.path().to_owned(), dir.path().join("tickerlake/data/q"), 2);
        (dir, damage)
    }

    fn content(dir: &TempDir) -> String {
        fs::read_to_string(dir.path().join(OBJECT)).unwrap()
    }

    #[test]
    fn object_of_this_generation_is_cut_and_restored() {
        let (dir, damage) = lake();
        assert!(damage.toggle().unwrap().contains("lost its second half"));
        assert_eq!((content(&dir).as_str(), damage.is_cut()), ("01234", true));
        assert!(damage.toggle().unwrap().contains("whole again"));
        assert_eq!((content(&dir).as_str(), damage.is_cut()), ("0123456789", false));
        assert_eq!(fs::read_to_string(dir.path().join(OLDER)).unwrap(), "another");
    }

    #[test]
    fn generation_without_objects_is_not_cut() {
        let (dir, _) = lake();
        let other = Damage::new(dir.path().to_owned(), dir.path().join("tickerlake/data/q"), 3);
        assert!(matches!(other.toggle(), Err(DamageError::NoObject)));
    }

    #[test]
    fn killed_process_leaves_a_lake_that_the_next_one_restores() {
        let (dir, damage) = lake();
        damage.toggle().unwrap();
        drop(damage);
        assert_eq!(restore_all(dir.path()).unwrap(), [dir.path().join(OBJECT)]);
        assert_eq!(content(&dir), "0123456789");
        assert!(!dir.path().join(FOLDER).exists());
        assert!(restore_all(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn object_that_is_kept_but_not_cut_yet_stays() {
        let (dir, _) = lake();
        write(dir.path(), &kept(dir.path(), &dir.path().join(OBJECT)), b"0123456789").unwrap();
        fs::write(dir.path().join(FOLDER).join(UNFINISHED), "01").unwrap();
        assert!(restore_all(dir.path()).unwrap().is_empty());
        assert_eq!(content(&dir), "0123456789");
        assert!(!dir.path().join(FOLDER).exists());
    }

    #[test]
    fn object_that_was_replaced_is_not_overwritten() {
        let (dir, damage) = lake();
        damage.toggle().unwrap();
        fs::write(dir.path().join(OBJECT), "restored by hand").unwrap();
        damage.restore().unwrap();
        assert_eq!(content(&dir), "restored by hand");
        assert!(kept(dir.path(), &dir.path().join(OBJECT)).exists());
    }

    #[test]
    fn toggle_says_what_it_found() {
        let replaced_by = |text: &str| {
            let (dir, damage) = lake();
            damage.toggle().unwrap();
            fs::write(dir.path().join(OBJECT), text).unwrap();
            damage.toggle().unwrap()
        };
        assert!(replaced_by("0123456789").ends_with(" was whole already"));
        let text = replaced_by("restored by hand");
        assert!(text.contains(" was replaced or deleted by another program"), "{text}");
        let (dir, damage) = lake();
        damage.toggle().unwrap();
        fs::remove_file(kept(dir.path(), &dir.path().join(OBJECT))).unwrap();
        assert!(damage.toggle().unwrap().ends_with(" has no copy any more and stays as it is"));
    }

    #[test]
    fn failed_restore_can_be_repeated() {
        let (dir, damage) = lake();
        damage.toggle().unwrap();
        let whole = kept(dir.path(), &dir.path().join(OBJECT));
        let aside = dir.path().join("aside");
        fs::rename(&whole, &aside).unwrap();
        // Reading a folder fails.
        fs::create_dir(&whole).unwrap();
        assert!(damage.toggle().is_err());
        assert!(damage.is_cut());
        fs::remove_dir(&whole).unwrap();
        fs::rename(&aside, &whole).unwrap();
        damage.toggle().unwrap();
        assert_eq!(content(&dir), "0123456789");
    }
}
