//! Cuts an object in half, and restores it.
//!
//! The whole object is kept in a file beside the lake before it is cut, so that no record is lost when the process is
//! killed: the next command that opens the lake for writing restores it.
//!
//! ```text
//! DIR/.lab/tickerlake/data/quotes/dt=.../00000-....json.gz    the whole object
//! DIR/tickerlake/data/quotes/dt=.../00000-....json.gz         the same object, cut
//! ```
//!
//! Each file appears by one rename, so that a file is never there in part.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lake_format::keys::parse_name;

/// Folder of the whole objects, in the folder of the lake. It is not a valid name of a bucket.
const FOLDER: &str = ".lab";

/// Name of a file that is being written.
const UNFINISHED: &str = "unfinished";

/// Reason that an object was not cut or restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DamageError {
    #[error("no object of this generation is stored yet")]
    NoObject,
    #[error("failed to write {}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// The object that is cut, if one is.
#[derive(Debug)]
pub(crate) struct Damage {
    /// Folder of the lake.
    dir: PathBuf,
    /// Folder of the topic's objects.
    objects: PathBuf,
    /// Objects of other generations may have no other copy of their records.
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
            let outcome = match restore(&self.dir, path)? {
                true => "is whole again",
                false => "was changed by another program, and stays so",
            };
            let text = format!("{} {outcome}", path.display());
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

/// Restores the objects that a process has cut and not restored. Returns their paths.
///
/// # Errors
/// If a file cannot be read or renamed. The whole object is kept.
pub(crate) fn restore_all(dir: &Path) -> Result<Vec<PathBuf>, DamageError> {
    let mut restored = Vec::new();
    for whole in files(&dir.join(FOLDER)) {
        let Ok(path) = whole.strip_prefix(dir.join(FOLDER)) else { continue };
        let path = dir.join(path);
        if restore(dir, &path)? {
            restored.push(path);
        }
    }
    // Empty folders and unfinished files, which nobody needs.
    if files(&dir.join(FOLDER)).next().is_none() {
        let _ = fs::remove_dir_all(dir.join(FOLDER));
    }
    Ok(restored)
}

/// Restores an object if it is the first half of the one that was kept. An object that is whole stays as it is. Any
/// other was deleted or replaced since; then both files stay, because only a person knows which one is right.
fn restore(dir: &Path, path: &Path) -> Result<bool, DamageError> {
    let whole = kept(dir, path);
    let failed = |source| DamageError::File { path: path.to_owned(), source };
    let content = match fs::read(&whole) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match fs::read(path) {
        Ok(now) if now == half(&content) => {
            fs::rename(&whole, path).map_err(failed)?;
            return Ok(true);
        }
        Ok(now) if now == content => fs::remove_file(&whole).map_err(failed)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => tracing::warn!(
            object = %path.display(),
            kept = %whole.display(),
            "the object that the lab has cut was changed or deleted since; move the kept one to its place, or delete it"
        ),
    }
    Ok(false)
}

fn half(content: &[u8]) -> &[u8] {
    &content[..content.len() / 2]
}

/// Returns the file that has the whole content of an object.
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

/// Returns the object of a generation below a folder that was changed last.
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
