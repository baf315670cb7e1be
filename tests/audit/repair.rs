//! `tickerlake repair` makes a lost ledger from the objects, and nothing else.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ledger_is_made_anew_and_the_lake_is_clean_again() {
    let stored = Stored::sample().await;
    stored.records(1, (50..60).map(|offset| (offset, SENT, "poison".to_owned()))).await;
    stored.lose_ledger(0);
    stored.lose_ledger(1);
    let audit = stored.repair();
    assert_eq!(audit.code, Some(0), "{audit:?}");
    assert!(audit.text.contains("rebuilt ledger/quotes/00001.json: next 60, 0 gaps\n"), "{audit:?}");
    assert_eq!((stored.told(0), stored.told(1)), (stored.reaching(300), stored.reaching(60)));
    stored.audit(&[]).is(0, &[], &[]);
    // The function goes on where it was.
    stored.batch(0, 300..310).await;
    let stored_lines = lake::lines(&stored.path(&key(0, 300))).unwrap();
    assert_eq!(stored_lines.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_becomes_gaps_as_far_as_a_ledger_would_still_list_them() {
    let stored = Stored::new(Config::new(FOLDER_BUCKET));
    for offsets in [1_000..1_010, 1_020..1_030, 120_000..120_010, 120_020..120_030] {
        stored.batch(0, offsets).await;
    }
    stored.lose_ledger(0);
    let audit = stored.repair();
    assert_eq!(audit.code, Some(FOUND), "{audit:?}");
    let gaps = vec![1_030..120_000, 120_010..120_020];
    assert_eq!(stored.told(0), Ledger { gaps, ..stored.reaching(120_030) });
    // Of the oldest it cannot be told any more whether it was declared.
    audit.is(FOUND, &["declared by the ledger", "missing", "missing before the first"], &[]);
    assert_eq!(audit.found("missing"), [found(1_010, 1_019, &[])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_there_is_left_as_it_is_whatever_it_says() {
    let stored = Stored::sample().await;
    let strange = Ledger { gaps: std::iter::once(7..9).collect(), ..stored.reaching(700) };
    stored.ledger(0, &strange);
    stored.lose_ledger(1);
    stored.repair();
    assert_eq!((stored.told(0), stored.told(1)), (strange, stored.reaching(50)));
    stored.write("ledger/quotes/00001.json", b"none");
    let audit = stored.repair();
    assert!(audit.kinds().contains_key("damaged ledger"), "{audit:?}");
    assert_eq!(fs::read(stored.path("ledger/quotes/00001.json")).unwrap(), b"none");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ledger_is_made_of_objects_that_tell_less_than_all() {
    let stored = Stored::sample_with(zstd()).await;
    stored.lose_ledger(0);
    stored.lose_ledger(1);
    let audit = stored.repair();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("SINK_COMPRESSION") && audit.errors.contains(".json.zst"), "{audit:?}");
    assert!(!stored.path("ledger/quotes/00000.json").exists());

    let stored = Stored::sample().await;
    stored.lose_ledger(0);
    stored.lose_ledger(1);
    let last = key(0, 200);
    stored.edit(&last, |mut lines| {
        lines[50] = "{}".to_owned();
        lines
    });
    let audit = stored.repair();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains(&last), "{audit:?}");
    assert!(!stored.path("ledger/quotes/00000.json").exists(), "which is the last offset is not known");
    assert_eq!(stored.told(1), stored.reaching(50), "the others are made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_something_of_ours_writes_to_is_not_repaired() {
    let stored = Stored::sample().await;
    stored.lose_ledger(0);
    let lock = fs::File::create(stored.folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let audit = stored.repair();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("in use"), "{audit:?}");
    assert!(!stored.path("ledger/quotes/00000.json").exists());
    stored.audit(&[]).is(FOUND, &["no ledger"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_with_repair_still_works_and_names_its_replacement() {
    let stored = Stored::sample().await;
    stored.lose_ledger(1);
    let audit = stored.audit(&["--repair"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    assert_eq!(stored.told(1), stored.reaching(50));
    assert_eq!(audit.errors, "tickerlake: `audit --repair` is deprecated; use `tickerlake repair`\n");
}
