//! Where the rejected rows of each input go: no file has two writers, and none is an input.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf, absolute};

use crate::feed::FeedError;
use crate::feed::input::Input;

/// The rejects file of each input, beside it or in `folder`; none for an input that was named before, whose rejected
/// rows are written once.
///
/// Files are told apart by where they are, however they are spelled.
pub(crate) fn rejects_paths(inputs: &[Input], folder: Option<&Path>) -> Result<Vec<Option<PathBuf>>, FeedError> {
    let places: Vec<Option<PathBuf>> = inputs.iter().map(place_of).collect();
    let by_place: HashMap<&Path, usize> =
        places.iter().enumerate().filter_map(|(at, place)| Some((place.as_deref()?, at))).collect();
    let mut writers: HashMap<PathBuf, usize> = HashMap::new();
    let mut paths = Vec::with_capacity(inputs.len());
    for (at, input) in inputs.iter().enumerate() {
        let path = input.rejects_path(folder);
        let place = place(&path);
        if let Some(other) = by_place.get(place.as_path()).and_then(|&other| inputs.get(other)) {
            return Err(FeedError::RejectsIsInput { input: input.name(), other: other.name(), path });
        }
        match writers.entry(place) {
            Entry::Vacant(free) => {
                free.insert(at);
                paths.push(Some(path));
            }
            Entry::Occupied(taken) => {
                let first = *taken.get();
                let same = inputs[first] == *input || (places[at].is_some() && places[first] == places[at]);
                if !same {
                    return Err(FeedError::SameRejects { first: inputs[first].name(), second: input.name(), path });
                }
                paths.push(None);
            }
        }
    }
    Ok(paths)
}

fn place_of(input: &Input) -> Option<PathBuf> {
    match input {
        // A shell may have redirected it from a file.
        Input::Stdin => Path::new("/dev/stdin").canonicalize().ok(),
        Input::File(path) => Some(place(path)),
        Input::Bytes { .. } => None,
    }
}

/// Where a file is, or would be, whatever links and dots its path goes through.
fn place(path: &Path) -> PathBuf {
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

    /// A folder with the files `a/x.csv` and `b/x.csv`.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b"] {
            fs::create_dir(folder.path().join(name)).expect("created");
            fs::write(folder.path().join(name).join("x.csv"), "Symbol,Date\n").expect("written");
        }
        folder
    }

    fn paths(folder: &TempDir, names: &[&str], rejects: Option<&str>) -> Result<Vec<Option<PathBuf>>, FeedError> {
        let inputs: Vec<Input> = names.iter().map(|name| Input::File(folder.path().join(name))).collect();
        rejects_paths(&inputs, rejects.map(|name| folder.path().join(name)).as_deref())
    }

    #[test]
    fn files_of_one_name_do_not_share_their_rejects() {
        let folder = folder();
        assert!(paths(&folder, &["a/x.csv", "b/x.csv"], None).is_ok());
        let mixed = paths(&folder, &["a/x.csv", "b/x.csv"], Some("a"));
        assert!(matches!(mixed, Err(FeedError::SameRejects { .. })), "{mixed:?}");
    }

    #[test]
    fn a_file_named_twice_has_one_writer_however_it_is_spelled() {
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
    fn rejects_never_overwrite_an_input_however_it_is_spelled() {
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
            let refused = paths(&folder, &names, None);
            assert!(matches!(refused, Err(FeedError::RejectsIsInput { .. })), "{names:?}: {refused:?}");
        }
    }

    #[test]
    fn a_path_without_a_folder_lies_in_the_current_one() {
        assert_eq!(place(Path::new("absent.csv")), place(Path::new("./absent.csv")));
    }
}
