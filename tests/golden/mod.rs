//! The lakes that commit be3de06 wrote, frozen: this version must write the same bytes from the same events, read the
//! same answers, and continue what is stored without changing any of it. `tests/golden/README.md` describes the data.

mod answers;
mod product;
mod script;
mod tree;

use product::{Lake, in_workspace};
use script::{Delivery, Script, read};
use sha2::{Digest, Sha256};
use tree::Tree;

/// The folders whose files SHA256SUMS lists.
const FOLDERS: [&str; 6] = ["events", "lakes", "continued", "samples", "metadata", "answers"];

fn golden(path: &str) -> Tree {
    Tree::read(&in_workspace("tests/golden").join(path))
}

/// Compares files with those of a golden folder. If the variable `GOLDEN` is `write`, also writes them there; the test
/// still fails if they were different.
fn compare(folder: &str, found: &Tree) -> Vec<String> {
    let differences = Tree::differences(folder, &golden(folder), found);
    if !differences.is_empty() && std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        let path = in_workspace("tests/golden").join(folder);
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        found.write(&path);
    }
    differences
}

/// Compares texts with the files of a golden folder.
fn compare_text(folder: &str, files: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    compare(folder, &Tree(files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()))
}

fn assert_no(differences: &[String]) {
    assert!(differences.is_empty(), "differs from what be3de06 wrote:\n{}", differences.join("\n"));
}

async fn deliver(lake: &Lake, script: &Script, delivery: &Delivery) {
    let ledgers = Tree::read(&lake.bucket()).filtered(is_ledger);
    let delivered = lake.deliver(&delivery.variables, &delivery.event).await;
    delivered.unwrap_or_else(|error| panic!("{}: {error}", script.name));
    if delivery.is_uncommitted {
        ledgers.write(&lake.bucket());
    }
}

fn is_ledger(key: &str) -> bool {
    key.starts_with("ledger/") || key.contains("/ledger/")
}

/// Fills a new lake as the script says.
async fn filled(script: &Script) -> Lake {
    let lake = Lake::new(&Tree::default());
    for delivery in &script.deliveries {
        deliver(&lake, script, delivery).await;
    }
    lake
}

/// Returns a copy of the golden lake.
fn copied(script: &Script) -> (Lake, Tree) {
    let objects = golden(&format!("lakes/{}", script.name));
    assert!(!objects.0.is_empty(), "{}: no objects", script.name);
    (Lake::new(&objects), objects)
}

#[test]
fn golden_files_match_their_checksums() {
    let listed = read("SHA256SUMS");
    let listed = listed.lines().map(|line| line.split_once("  ").unwrap());
    let listed = listed.map(|(hash, path)| (path.to_owned(), hash.as_bytes().to_vec())).collect();
    let files = FOLDERS.into_iter().flat_map(|folder| {
        golden(folder).0.into_iter().map(move |(path, content)| (format!("{folder}/{path}"), content))
    });
    let found = files.map(|(path, content)| (path, sha256(&content).into_bytes())).collect();
    assert_no(&Tree::differences("tests/golden", &Tree(listed), &Tree(found)));
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_golden_lake_has_a_script() {
    let names: Vec<String> = Script::all().into_iter().map(|script| script.name).collect();
    for folder in ["lakes", "continued"] {
        let mut folders: Vec<String> =
            golden(folder).0.keys().map(|path| path.split('/').next().unwrap().to_owned()).collect();
        folders.dedup();
        assert_eq!(folders, names, "{folder}");
    }
}

#[tokio::test]
async fn events_become_the_golden_lakes() {
    let mut differences = Vec::new();
    for script in Script::all() {
        let lake = filled(&script).await;
        differences.extend(compare(&format!("lakes/{}", script.name), &Tree::read(&lake.bucket())));
    }
    assert_no(&differences);
}

#[tokio::test]
async fn objects_have_the_golden_metadata() {
    let mut files = Vec::new();
    for script in Script::all() {
        let lake = filled(&script).await;
        let mut text = String::new();
        for key in Tree::read(&lake.bucket()).0.keys() {
            let metadata = lake.metadata(key).await;
            let metadata: String = metadata.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            if !metadata.is_empty() {
                text += &format!("{key}{metadata}\n");
            }
        }
        files.push((format!("{}.txt", script.name), text));
    }
    assert_no(&compare_text("metadata", files));
}

#[tokio::test]
async fn each_sample_event_becomes_its_golden_objects() {
    let mut found = Tree::default();
    for (name, event) in Tree::read(&in_workspace("events")).0 {
        let Some(name) = name.strip_suffix(".json") else { continue };
        let lake = Lake::new(&Tree::default());
        lake.deliver(&Vec::new(), &String::from_utf8(event).unwrap()).await.unwrap();
        let objects = Tree::read(&lake.bucket()).0;
        found.0.extend(objects.into_iter().map(|(key, content)| (format!("{name}/{key}"), content)));
    }
    assert_no(&compare("samples", &found));
}

#[tokio::test]
async fn redelivered_events_change_no_byte() {
    let mut differences = Vec::new();
    for script in Script::all() {
        let (lake, before) = copied(&script);
        for delivery in script.committed() {
            deliver(&lake, &script, delivery).await;
        }
        differences.extend(Tree::differences(&script.name, &before, &Tree::read(&lake.bucket())));
    }
    assert_no(&differences);
}

#[tokio::test]
async fn redelivery_with_other_boundaries_changes_no_byte() {
    let mut differences = Vec::new();
    for script in Script::all() {
        for length in [1, 7, usize::MAX] {
            let (lake, before) = copied(&script);
            for delivery in script.cut(length) {
                deliver(&lake, &script, &delivery).await;
            }
            let name = format!("{} in batches of {length}", script.name);
            differences.extend(Tree::differences(&name, &before, &Tree::read(&lake.bucket())));
        }
    }
    assert_no(&differences);
}

#[tokio::test]
async fn a_following_event_adds_the_golden_objects() {
    let mut differences = Vec::new();
    for script in Script::all() {
        let (lake, before) = copied(&script);
        deliver(&lake, &script, script.following.as_ref().unwrap()).await;
        let after = Tree::read(&lake.bucket());
        let lost = before.0.keys().filter(|key| !after.0.contains_key(*key));
        differences.extend(lost.map(|key| format!("{}/{key}: lost", script.name)));
        let changed = after.filtered(|key| after.0.get(key) != before.0.get(key));
        differences.extend(compare(&format!("continued/{}", script.name), &changed));
    }
    assert_no(&differences);
}

/// Compares what a command answers about each golden lake.
fn commands_answer(file: &str, answer: impl Fn(&Lake, &Script) -> String) {
    let files = Script::all().into_iter().map(|script| {
        let (lake, before) = copied(&script);
        let text = answer(&lake, &script);
        assert_no(&Tree::differences(&script.name, &before, &Tree::read(&lake.bucket())));
        (format!("{}.txt", script.name), text)
    });
    assert_no(&compare_text(&format!("answers/{file}"), files));
}

#[test]
fn audit_reports_the_golden_findings() {
    commands_answer("audit", answers::audit);
}

#[test]
fn query_returns_the_golden_rows() {
    commands_answer("query", answers::query);
}

#[test]
fn trace_finds_the_golden_records() {
    commands_answer("trace", answers::trace);
}
