//! Files by their path: a bucket's folder, or a golden one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files below a folder: path, with `/` between its parts, to content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree(pub(super) BTreeMap<String, Vec<u8>>);

impl Tree {
    /// Reads all files below a folder. A folder that does not exist has no files.
    pub(super) fn read(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(&next).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        Tree(files)
    }

    /// Writes the files below a folder, in addition to the files that exist there.
    pub(super) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (name, content) in &self.0 {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Returns the files whose path passes a test.
    pub(super) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Tree(
            self.0
                .iter()
                .filter(|(name, _)| keep(name))
                .map(|(name, content)| (name.clone(), content.clone()))
                .collect(),
        )
    }

    /// Describes how files differ from the expected ones, one line for each file; `name` says which files they are.
    pub(super) fn differences(name: &str, expected: &Tree, found: &Tree) -> Vec<String> {
        let mut differences = Vec::new();
        for (path, content) in &expected.0 {
            match found.0.get(path) {
                None => differences.push(format!("{name}/{path}: missing")),
                Some(other) if other != content => {
                    differences.push(format!("{name}/{path}: different{}", first_difference(content, other)));
                }
                Some(_) => {}
            }
        }
        let extra = found.0.keys().filter(|path| !expected.0.contains_key(*path));
        differences.extend(extra.map(|path| format!("{name}/{path}: not expected")));
        differences
    }
}

/// Describes the first difference: the first line that differs if both contents are text, otherwise the position of the
/// first byte that differs.
fn first_difference(expected: &[u8], found: &[u8]) -> String {
    if let (Ok(expected), Ok(found)) = (std::str::from_utf8(expected), std::str::from_utf8(found)) {
        let (mut expected, mut found) = (expected.lines(), found.lines());
        loop {
            match (expected.next(), found.next()) {
                (None, None) => return " in its line feeds".to_owned(),
                (one, other) if one == other => {}
                (one, other) => {
                    let shown = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
                    return format!("\n  expected: {}\n  found:    {}", shown(one), shown(other));
                }
            }
        }
    }
    let same = expected.iter().zip(found).take_while(|(one, other)| one == other).count();
    format!(": {} bytes expected, {} found, the first difference at byte {same}", expected.len(), found.len())
}
