//! Lists keys in order, with prefix, delimiter and pages.
//!
//! Files are visited in the order of their keys, which is not the order of the folders' names: `a.b` sorts before
//! `a/c`. A folder that cannot contain a key of the page is not read.

use std::fs;
use std::io::{self, ErrorKind};
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::path::Path;
use std::vec;

/// Parameters of a listing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'q> {
    pub(super) prefix: &'q str,
    /// Keys with the same text up to the first delimiter after the prefix are listed as one common prefix.
    pub(super) delimiter: Option<&'q str>,
    /// Key or common prefix after which the listing starts.
    pub(super) after: Option<&'q str>,
    /// Maximum number of entries.
    pub(super) limit: usize,
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Key(String),
    CommonPrefix(String),
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        match self {
            Entry::Key(name) | Entry::CommonPrefix(name) => name,
        }
    }
}

/// The first entries of a listing.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// `true` if more entries exist.
    pub(super) is_truncated: bool,
}

/// Lists the files below `folder` together with the keys in `further`, which must be sorted.
pub(super) fn list(folder: &Path, further: Vec<String>, query: Query<'_>) -> io::Result<Page> {
    if query.limit == 0 {
        return Ok(Page { entries: Vec::new(), is_truncated: false });
    }
    let mut lister = Lister { query, further: further.into_iter().peekable(), entries: Vec::new(), listed: None };
    if lister.visit_folder(folder, "")?.is_continue() {
        while let Some(key) = lister.further.next() {
            if lister.visit(&key).is_break() {
                break;
            }
        }
    }
    let is_truncated = lister.entries.len() > query.limit;
    lister.entries.truncate(query.limit);
    Ok(Page { entries: lister.entries, is_truncated })
}

struct Lister<'q> {
    query: Query<'q>,
    further: Peekable<vec::IntoIter<String>>,
    entries: Vec<Entry>,
    /// The last common prefix. Further keys that begin with it are skipped.
    listed: Option<String>,
}

impl Lister<'_> {
    /// Visits the files below a folder. `start` is the common prefix of their keys.
    fn visit_folder(&mut self, folder: &Path, start: &str) -> io::Result<ControlFlow<()>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // Another request has deleted its last object.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                let Ok(target) = fs::metadata(entry.path()) else { continue };
                kind = target.file_type();
            }
            if kind.is_dir() {
                keys.push(format!("{start}{name}/"));
            } else if kind.is_file() {
                keys.push(format!("{start}{name}"));
            }
        }
        keys.sort_unstable();
        for key in keys {
            let is_done = match key.strip_suffix('/') {
                Some(path) if self.may_contain(&key) => {
                    self.visit_folder(&folder.join(&path[start.len()..]), &key)?.is_break()
                }
                Some(_) => false,
                None => self.visit_file(&key).is_break(),
            };
            if is_done {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns `true` if keys that begin with `start` may belong to the page.
    fn may_contain(&self, start: &str) -> bool {
        let Query { prefix, after, .. } = self.query;
        (start.starts_with(prefix) || prefix.starts_with(start))
            && self.listed.as_ref().is_none_or(|listed| !start.starts_with(listed.as_str()))
            && after.is_none_or(|after| start > after || after.starts_with(start))
    }

    fn visit_file(&mut self, key: &str) -> ControlFlow<()> {
        while let Some(further) = self.further.next_if(|further| further.as_str() < key) {
            self.visit(&further)?;
        }
        self.visit(key)
    }

    fn visit(&mut self, key: &str) -> ControlFlow<()> {
        let Query { prefix, delimiter, after, limit } = self.query;
        let Some(rest) = key.strip_prefix(prefix) else {
            return if key > prefix { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        };
        if self.listed.as_ref().is_some_and(|listed| key.starts_with(listed.as_str()))
            || after.is_some_and(|after| key <= after)
        {
            return ControlFlow::Continue(());
        }
        let common = delimiter.and_then(|delimiter| {
            let end = rest.find(delimiter)? + delimiter.len();
            Some(&key[..prefix.len() + end])
        });
        if let Some(common) = common {
            self.listed = Some(common.to_owned());
            // The previous page ended with this common prefix.
            if after.is_some_and(|after| after == common) {
                return ControlFlow::Continue(());
            }
            self.entries.push(Entry::CommonPrefix(common.to_owned()));
        } else if self.entries.last().is_none_or(|last| last.name() != key) {
            self.entries.push(Entry::Key(key.to_owned()));
        }
        if self.entries.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(keys: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::TempDir::new().unwrap();
        for key in keys {
            let path = dir.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    /// Lists all pages of `limit` entries, separated by `|`.
    fn pages(dir: &Path, further: &[&str], prefix: &str, delimiter: Option<&str>, limit: usize) -> String {
        let mut pages: Vec<String> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let further = further.iter().filter(|key| key.starts_with(prefix)).map(|&key| key.to_owned()).collect();
            let query = Query { prefix, delimiter, after: after.as_deref(), limit };
            let page = list(dir, further, query).unwrap();
            pages.push(page.entries.iter().map(Entry::name).collect::<Vec<_>>().join(" "));
            if !page.is_truncated {
                return pages.join("|");
            }
            after = page.entries.last().map(|entry| entry.name().to_owned());
        }
    }

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let dir = folder(&["a/c", "a.b", "a-/x", "b", "a/b/d", "ä"]);
        assert_eq!(pages(dir.path(), &[], "", None, 100), "a-/x a.b a/b/d a/c b ä");
        assert_eq!(pages(dir.path(), &[], "", None, 4), "a-/x a.b a/b/d a/c|b ä");
        assert_eq!(pages(dir.path(), &[], "a/", None, 1), "a/b/d|a/c");
    }

    #[test]
    fn delimiter_makes_common_prefixes() {
        let dir = folder(&["a/c", "a.b", "a-/x", "a-/y", "b", "a/b/d", "a/b/e"]);
        for limit in [1, 2, 3, 100] {
            let flat = |prefix, delimiter| pages(dir.path(), &[], prefix, Some(delimiter), limit).replace('|', " ");
            assert_eq!(flat("", "/"), "a-/ a.b a/ b");
            assert_eq!(flat("a/", "/"), "a/b/ a/c");
            assert_eq!(flat("a", "/"), "a-/ a.b a/");
            assert_eq!(flat("", "b"), "a-/x a-/y a.b a/b a/c b");
        }
    }

    #[test]
    fn further_keys_are_merged() {
        let dir = folder(&["a/c", "b"]);
        let further = ["a//x", "a/c", "a/c/d", "c/"];
        for limit in [1, 2, 100] {
            let flat = |delimiter| pages(dir.path(), &further, "", delimiter, limit).replace('|', " ");
            assert_eq!(flat(None), "a//x a/c a/c/d b c/");
            assert_eq!(flat(Some("/")), "a/ b c/");
        }
    }

    #[test]
    fn page_begins_after_a_key_that_does_not_exist() {
        let dir = folder(&["a/1", "a/3", "b/1"]);
        let after = |after| {
            let query = Query { prefix: "", delimiter: None, after: Some(after), limit: 9 };
            list(dir.path(), Vec::new(), query).unwrap().entries.len()
        };
        assert_eq!(["", "a/2", "a/", "a/3", "a0", "b", "c"].map(after), [3, 2, 3, 1, 1, 1, 0]);
    }
}
