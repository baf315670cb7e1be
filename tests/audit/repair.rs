//! `tickerlake repair` rebuilds a lost ledger from the objects and changes nothing else.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn lost_ledger_is_rebuilt_from_the_objects() {
    let lake = TestLake::sample().await;
    lake.store_records(1, (50..60).map(|offset| (offset, TIMESTAMP, "not JSON".to_owned()))).await;
    lake.remove_ledger(0);
    lake.remove_ledger(1);
    let audit = lake.repair();
    assert_eq!(audit.code, Some(0), "{audit:?}");
    assert!(audit.text.contains("rebuilt ledger/quotes/00001.json: next 60, 0 gaps\n"), "{audit:?}");
    assert_eq!((lake.read_ledger(0), lake.read_ledger(1)), (lake.ledger_at(300), lake.ledger_at(60)));
    lake.audit(&[]).assert_report(0, &[], &[]);
    // The sink continues at the rebuilt ledger's next offset.
    lake.store_batch(0, 300..310).await;
    let lines = lake::lines(&lake.path(&key(0, 300))).unwrap();
    assert_eq!(lines.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_offsets_become_gaps_of_the_rebuilt_ledger() {
    let lake = TestLake::new(Config::new(FOLDER_BUCKET));
    for offsets in [1_000..1_010, 1_020..1_030, 120_000..120_010, 120_020..120_030] {
        lake.store_batch(0, offsets).await;
    }
    lake.remove_ledger(0);
    let audit = lake.repair();
    assert_eq!(audit.code, Some(FINDINGS), "{audit:?}");
    let gaps = vec![1_030..120_000, 120_010..120_020];
    assert_eq!(lake.read_ledger(0), Ledger { gaps, ..lake.ledger_at(120_030) });
    // The rebuilt ledger no longer lists the oldest gap, so the audit cannot decide whether it was declared.
    audit.assert_report(FINDINGS, &["declared by the ledger", "missing", "missing before the first"], &[]);
    assert_eq!(audit.findings("missing"), [finding(1_010, 1_019, &[])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_ledger_is_left_unchanged() {
    let lake = TestLake::sample().await;
    let unusual = Ledger { gaps: std::iter::once(7..9).collect(), ..lake.ledger_at(700) };
    lake.write_ledger(0, &unusual);
    lake.remove_ledger(1);
    lake.repair();
    assert_eq!((lake.read_ledger(0), lake.read_ledger(1)), (unusual, lake.ledger_at(50)));
    lake.write("ledger/quotes/00001.json", b"none");
    let audit = lake.repair();
    assert!(audit.counts_by_kind().contains_key("damaged ledger"), "{audit:?}");
    assert_eq!(fs::read(lake.path("ledger/quotes/00001.json")).unwrap(), b"none");
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_is_not_rebuilt_from_ambiguous_objects() {
    let lake = TestLake::sample_with(zstd()).await;
    lake.remove_ledger(0);
    lake.remove_ledger(1);
    let audit = lake.repair();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("SINK_COMPRESSION") && audit.errors.contains(".json.zst"), "{audit:?}");
    assert!(!lake.path("ledger/quotes/00000.json").exists());

    let lake = TestLake::sample().await;
    lake.remove_ledger(0);
    lake.remove_ledger(1);
    let last = key(0, 200);
    lake.edit_lines(&last, |mut lines| {
        lines[50] = "{}".to_owned();
        lines
    });
    let audit = lake.repair();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains(&last), "{audit:?}");
    assert!(
        !lake.path("ledger/quotes/00000.json").exists(),
        "the last offset is unknown, so this ledger is not rebuilt"
    );
    assert_eq!(lake.read_ledger(1), lake.ledger_at(50), "the other ledger is rebuilt");
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_in_use_is_not_repaired() {
    let lake = TestLake::sample().await;
    lake.remove_ledger(0);
    let lock = fs::File::create(lake.folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let audit = lake.repair();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("in use"), "{audit:?}");
    assert!(!lake.path("ledger/quotes/00000.json").exists());
    lake.audit(&[]).assert_report(FINDINGS, &["no ledger"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_repair_still_works_and_names_its_replacement() {
    let lake = TestLake::sample().await;
    lake.remove_ledger(1);
    let audit = lake.audit(&["--repair"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    assert_eq!(lake.read_ledger(1), lake.ledger_at(50));
    assert_eq!(audit.errors, "tickerlake: `audit --repair` is deprecated; use `tickerlake repair`\n");
}
