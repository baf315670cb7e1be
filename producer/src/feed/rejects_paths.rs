//! Chooses the file of rejected rows for each input, so that no file has two writers and no input is overwritten.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf, absolute};

use thiserror::Error;

use super::input::Input;

/// Reason that rejected rows cannot be written to the chosen files.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RejectsPathError {
    /// The path does not exist, or is not a folder.
    #[error("--rejects: {} is not an existing folder; create it first", .0.display())]
    NotAFolder(PathBuf),
    /// The rejected rows of an input would overwrite an input.
    #[error("{}: the rejected rows of {input} would overwrite the input {other}; leave out one of the two, or choose a folder with --rejects", path.display())]
    IsInput {
        input: String,
        /// The input that would be overwritten.
        other: String,
        path: PathBuf,
    },
    /// The rejected rows of two inputs would be mixed.
    #[error("--rejects: {first} and {second} would both write their rejected rows to {}; rename one, or feed them separately", path.display())]
    Shared { first: String, second: String, path: PathBuf },
}

/// Returns the path of each input's rejects file, beside the input or in `folder`; `None` for an input that occurs
/// earlier in the list, since its rejected rows are written only once.
///
/// Compares resolved paths, since one file can have several paths.
///
/// # Errors
/// [`RejectsPathError`] if `folder` is not a folder, or if a rejects file would overwrite an input or have two writers.
pub(crate) fn rejects_paths(inputs: &[Input], folder: Option<&Path>) -> Result<Vec<Option<PathBuf>>, RejectsPathError> {
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(RejectsPathError::NotAFolder(folder.to_owned()));
    }
    let locations: Vec<Option<PathBuf>> = inputs.iter().map(input_location).collect();
    let by_location: HashMap<&Path, usize> =
        locations.iter().enumerate().filter_map(|(at, location)| Some((location.as_deref()?, at))).collect();
    let mut writers: HashMap<PathBuf, usize> = HashMap::new();
    let mut paths = Vec::with_capacity(inputs.len());
    for (at, input) in inputs.iter().enumerate() {
        let path = input.rejects_path(folder);
        let location = location(&path);
        if let Some(other) = by_location.get(location.as_path()).and_then(|&other| inputs.get(other)) {
            return Err(RejectsPathError::IsInput { input: input.name(), other: other.name(), path });
        }
        match writers.entry(location) {
            Entry::Vacant(free) => {
                free.insert(at);
                paths.push(Some(path));
            }
            Entry::Occupied(taken) => {
                let first = *taken.get();
                let same = inputs[first] == *input || (locations[at].is_some() && locations[first] == locations[at]);
                if !same {
                    return Err(RejectsPathError::Shared { first: inputs[first].name(), second: input.name(), path });
                }
                paths.push(None);
            }
        }
    }
    Ok(paths)
}

fn input_location(input: &Input) -> Option<PathBuf> {
    match input {
        // The shell may have redirected standard input from a file.
        Input::Stdin => Path::new("/dev/stdin").canonicalize().ok(),
        Input::File(path) | Input::Followed(path) => Some(location(path)),
        Input::Bytes { .. } => None,
    }
}

/// Returns the absolute path of a file that may not exist yet, with links and dots resolved as far as possible.
fn location(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let beside = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside).or_else(|| absolute(path).ok()).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    /// Creates a folder with the files `a/x.csv` and `b/x.csv`.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b"] {
            fs::create_dir(folder.path().join(name)).expect("created");
            fs::write(folder.path().join(name).join("x.csv"), "Symbol,Date\n").expect("written");
        }
        folder
    }

    fn paths(
        folder: &TempDir,
        names: &[&str],
        rejects: Option<&str>,
    ) -> Result<Vec<Option<PathBuf>>, RejectsPathError> {
        let inputs: Vec<Input> = names.iter().map(|name| Input::File(folder.path().join(name))).collect();
        rejects_paths(&inputs, rejects.map(|name| folder.path().join(name)).as_deref())
    }

    #[test]
    fn files_of_the_same_name_do_not_share_rejects() {
        let folder = folder();
        assert!(paths(&folder, &["a/x.csv", "b/x.csv"], None).is_ok());
        let mixed = paths(&folder, &["a/x.csv", "b/x.csv"], Some("a"));
        assert!(matches!(mixed, Err(RejectsPathError::Shared { .. })), "{mixed:?}");
    }

    #[test]
    fn a_file_named_twice_has_one_writer() {
        let folder = folder();
        std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("link")).expect("linked");
        let own = Some(folder.path().join("a/x.csv.rejects.csv"));
        for again in ["a/x.csv", "b/../a/x.csv", "link/x.csv"] {
            assert_eq!(paths(&folder, &["a/x.csv", again], None).expect("one file"), [own.clone(), None], "{again}");
        }
        let gathered = paths(&folder, &["a/x.csv", "link/x.csv"], Some("b")).expect("one file");
        assert_eq!(gathered, [Some(folder.path().join("b/x.csv.rejects.csv")), None]);
    }

    #[test]
    fn rejects_never_overwrite_an_input() {
        let folder = folder();
        fs::write(folder.path().join("a/x.csv.rejects.csv"), "line,reason,row\n").expect("written");
        std::os::unix::fs::symlink(folder.path().join("b/x.csv"), folder.path().join("b/y.csv.rejects.csv"))
            .expect("linked");
        for names in [
            ["a/x.csv", "a/x.csv.rejects.csv"],
            ["a/x.csv", "b/../a/x.csv.rejects.csv"],
            ["a/x.csv.rejects.csv", "b/../a/x.csv"],
            // The rejects file is a link to an input.
            ["b/x.csv", "b/y.csv"],
        ] {
            let rejected = paths(&folder, &names, None);
            assert!(matches!(rejected, Err(RejectsPathError::IsInput { .. })), "{names:?}: {rejected:?}");
        }
    }

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        assert_eq!(location(Path::new("absent.csv")), location(Path::new("./absent.csv")));
    }
}
