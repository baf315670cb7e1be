//! Topics, ids and journals.

use std::collections::BTreeMap;

use kafka_log::{Folder, FolderError, JournalKind, LogConfig};

use crate::batches::Batch;
use crate::read_all;

fn configs(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("retention.ms".to_owned(), value.to_owned())])
}

#[test]
fn topics_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap();
    let cluster_id = folder.cluster_id().to_owned();
    assert_eq!(cluster_id.len(), 22);
    let id = folder.create_topic("b.new", 2, configs("1")).unwrap().id;
    folder.create_topic("a", 1, BTreeMap::new()).unwrap();
    folder.set_partitions("b.new", 5).unwrap();
    folder.set_configs("b.new", configs("2")).unwrap();
    drop(folder);
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(folder.cluster_id(), cluster_id);
    assert_eq!(folder.topics().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["a", "b.new"]);
    let topic = folder.topic_by_id(id).unwrap();
    assert_eq!((topic.partitions, &topic.configs), (5, &configs("2")));
}

#[test]
fn recreated_topic_has_another_id_and_no_records() {
    let dir = tempfile::tempdir().unwrap();
    for mut folder in [Folder::in_memory(), Folder::open(dir.path()).unwrap()] {
        let first = folder.create_topic("t", 1, BTreeMap::new()).unwrap().clone();
        let mut log = folder.open_log(&first, 0, LogConfig::default()).unwrap();
        log.append(&Batch::of(&["a"]).encode(), 0).unwrap();
        drop(log);
        let deleted = folder.delete_topic("t").unwrap();
        assert_eq!(deleted.topic(), &first);
        deleted.remove();
        assert!(folder.topic("t").is_none());
        let second = folder.create_topic("t", 1, BTreeMap::new()).unwrap().clone();
        assert_ne!(first.id, second.id);
        assert_eq!(read_all(&folder.open_log(&second, 0, LogConfig::default()).unwrap()), []);
    }
    let topics = std::fs::read_dir(dir.path().join("topics")).unwrap();
    assert_eq!(topics.count(), 1);
}

#[test]
fn invalid_changes_of_topics_are_errors() {
    let mut folder = Folder::in_memory();
    folder.create_topic("t", 3, BTreeMap::new()).unwrap();
    for name in ["", ".", "..", "a/b", "a b", "ü", &"x".repeat(250)] {
        let error = folder.create_topic(name, 1, BTreeMap::new()).unwrap_err();
        assert!(matches!(error, FolderError::InvalidTopicName { .. }), "{name}");
    }
    assert!(matches!(folder.create_topic("t", 1, BTreeMap::new()), Err(FolderError::TopicExists { .. })));
    assert!(matches!(folder.create_topic("u", 0, BTreeMap::new()), Err(FolderError::InvalidPartitions { .. })));
    assert!(matches!(folder.set_partitions("t", 3), Err(FolderError::InvalidPartitions { .. })));
    assert!(matches!(folder.set_partitions("u", 3), Err(FolderError::UnknownTopic { .. })));
    assert!(matches!(folder.delete_topic("u"), Err(FolderError::UnknownTopic { .. })));
}

#[test]
fn topic_with_the_longest_name_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let name = "n".repeat(249);
    Folder::open(dir.path()).unwrap().create_topic(&name, 1, BTreeMap::new()).unwrap();
    let mut folder = Folder::open(dir.path()).unwrap();
    assert!(folder.topic(&name).is_some());
    folder.delete_topic(&name).unwrap().remove();
}

#[test]
fn folder_has_one_user_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap();
    folder.create_topic("t", 1, BTreeMap::new()).unwrap();
    let log = folder.open_log(folder.topic("t").unwrap(), 0, LogConfig::default()).unwrap();
    assert!(matches!(Folder::open(dir.path()), Err(FolderError::InUse { .. })));
    drop(folder);
    assert!(matches!(Folder::open(dir.path()), Err(FolderError::InUse { .. })), "a log is open");
    drop(log);
    Folder::open(dir.path()).unwrap();
}

#[test]
fn folder_of_a_newer_version_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("meta.json"), r#"{"format": 2, "other": true}"#).unwrap();
    let error = Folder::open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("has format version 2, and this version reads up to 1: use a newer version"));
}

#[test]
fn remains_of_a_crash_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let topics = dir.path().join("topics");
    for name in ["t-1.new", "t-2.deleted"] {
        std::fs::create_dir_all(topics.join(name).join("0")).unwrap();
    }
    std::fs::write(dir.path().join("meta.json.new"), "{").unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(folder.topics().count(), 0);
    assert_eq!(std::fs::read_dir(topics).unwrap().count(), 0);
}

#[test]
fn producer_ids_are_never_returned_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for ids in [1, 999, 1_000, 1_001, 1] {
        let mut folder = Folder::open(dir.path()).unwrap();
        for _ in 0..ids {
            let id = folder.next_producer_id().unwrap();
            assert!(id > last);
            last = id;
        }
    }
    assert_eq!(Folder::in_memory().next_producer_id().unwrap(), 1);
}

/// A reservation that is not stored must not count, or the ids are returned again after the restart.
#[test]
fn producer_ids_need_a_stored_reservation() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap();
    let obstacle = dir.path().join("meta.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    for _ in 0..2 {
        assert!(matches!(folder.next_producer_id(), Err(FolderError::Storage(_))));
    }
    std::fs::remove_dir(&obstacle).unwrap();
    let id = folder.next_producer_id().unwrap();
    drop(folder);
    assert!(Folder::open(dir.path()).unwrap().next_producer_id().unwrap() > id);
}

#[test]
fn journal_may_end_at_any_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offsets.log");
    let entries = [&b"first"[..], b"", b"third entry"];
    let folder = Folder::open(dir.path()).unwrap();
    let (mut journal, _) = folder.open_journal(JournalKind::Offsets).unwrap();
    let mut ends = vec![0];
    for entry in entries {
        journal.append(entry).unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len() as usize);
    }
    journal.flush().unwrap();
    drop(journal);
    let content = std::fs::read(&path).unwrap();
    for length in 0..=content.len() {
        std::fs::write(&path, &content[..length]).unwrap();
        let (mut journal, recovered) = folder.open_journal(JournalKind::Offsets).unwrap();
        let whole = ends.iter().filter(|&&end| 0 < end && end <= length).count();
        assert_eq!(recovered, entries[..whole], "{length}");
        journal.append(b"new").unwrap();
        drop(journal);
        let (_, recovered) = folder.open_journal(JournalKind::Offsets).unwrap();
        assert_eq!(recovered.len(), whole + 1);
        assert_eq!(recovered[whole], b"new");
    }
    for position in 0..content.len() {
        let mut damaged = content.clone();
        damaged[position] ^= 0x40;
        std::fs::write(&path, &damaged).unwrap();
        let whole = ends.iter().filter(|&&end| 0 < end && end <= position).count();
        assert_eq!(folder.open_journal(JournalKind::Offsets).unwrap().1, entries[..whole], "{position}");
    }
}

#[test]
fn zeros_at_the_end_of_a_journal_are_no_entries() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("transactions.log"), [0; 100]).unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let (_, entries) = folder.open_journal(JournalKind::Transactions).unwrap();
    assert!(entries.is_empty());
}

#[test]
fn grown_journal_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let (mut journal, _) = folder.open_journal(JournalKind::Offsets).unwrap();
    while !journal.needs_rewrite() {
        journal.append(&[7; 50_000]).unwrap();
    }
    let rewrite = journal.begin_rewrite([b"one", b"two"]).unwrap();
    rewrite.write().unwrap();
    journal.append(b"meanwhile").unwrap();
    journal.finish_rewrite(&rewrite).unwrap();
    rewrite.sync().unwrap();
    assert!(!journal.needs_rewrite());
    journal.append(b"three").unwrap();
    drop(journal);
    let (_, entries) = folder.open_journal(JournalKind::Offsets).unwrap();
    assert_eq!(entries, [&b"one"[..], b"two", b"meanwhile", b"three"]);
}

#[test]
fn failed_rewrite_leaves_the_journal_complete() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let (mut journal, _) = folder.open_journal(JournalKind::Offsets).unwrap();
    let mut appended = 0;
    while !journal.needs_rewrite() {
        journal.append(&[7; 50_000]).unwrap();
        appended += 1;
    }
    let obstacle = dir.path().join("offsets.log.new");
    std::fs::create_dir(&obstacle).unwrap();
    let rewrite = journal.begin_rewrite([b"one"]).unwrap();
    assert!(rewrite.write().is_err());
    assert!(!journal.needs_rewrite(), "the next attempt is due after further growth");
    journal.append(b"last").unwrap();
    drop(journal);
    let (_, entries) = folder.open_journal(JournalKind::Offsets).unwrap();
    assert_eq!((entries.len(), entries[appended].as_slice()), (appended + 1, &b"last"[..]));
}
