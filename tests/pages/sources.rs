//! The pages of the book about sources of data. Each shows a file of its source in a `csv` block that names the file,
//! and how the programs read it.

use std::sync::Mutex;
use std::thread;

use tickerlake_tests::programs::program;
use tickerlake_tests::workspace;

use super::reader::Shown;
use super::steps::{Step, steps};
use super::{follow, page};

const FOLDER: &str = "docs/src/sources";

/// Number of pages that must exist, so that the test cannot pass without running them.
const AT_LEAST: usize = 19;

/// Returns the names of the pages, sorted.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(workspace().join(FOLDER)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".md"));
    names.sort();
    assert!(names.len() >= AT_LEAST, "{names:?}");
    names
}

/// Follows one page for each processor at a time. Each page has a thread of its name, so a failure names the page.
#[test]
fn source_pages_print_what_they_show() {
    program("tickerlake").unwrap();
    let (names, failed) = (Mutex::new(names().into_iter()), Mutex::new(Vec::new()));
    let next = || names.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let path = format!("{FOLDER}/{name}");
                    let page = thread::Builder::new().name(path.clone());
                    let page = page.spawn_scoped(scope, move || follow(&path, Shown::Terminal)).unwrap();
                    if page.join().is_err() {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

#[test]
fn source_pages_compare_the_output_of_every_command() {
    for name in names() {
        let steps = steps(&page(&format!("{FOLDER}/{name}")));
        assert!(steps.iter().any(|step| matches!(step, Step::File { .. })), "{name} shows no file");
        for step in steps {
            if let Step::Command { line, shown } = step {
                assert!(shown.is_some(), "{name} does not show what this prints: {line}");
            }
        }
    }
}

#[test]
fn guide_to_files_links_every_source_page() {
    let guide = page("docs/src/guides/your-own-files.md");
    for name in names() {
        assert!(guide.contains(&format!("](../sources/{name})")), "{name}");
    }
}
