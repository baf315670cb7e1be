//! Faults of objects: the audit reports each with the object's key and its offsets.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn unmodified_lake_is_clean() {
    let lake = TestLake::sample().await;
    lake.store_records(1, (50..60).map(|offset| (offset, TIMESTAMP, "not JSON".to_owned()))).await;
    lake.write_ledger(1, &lake.ledger_at(60));
    let audit = lake.audit(&[]);
    audit.assert_report(0, &[], &[]);
    assert_eq!(
        audit.text,
        "topic   generation  partition  stored  quarantined  first  last  gaps  repeats  ledger\n\
         quotes           0          0     300            0      0   299     0        0  next 300\n\
         quotes           0          1      50           10      0    59     0        0  next 60\n\n\
         audit: 350 stored, 10 quarantined, offsets 0 to 299 in 2 partitions, nothing missing, no duplicates\n"
    );
    let row = audit.partition_row(1);
    assert_eq!((&row["stored"], &row["quarantined"], &row["ledger"]["next"]), (&json!(50), &json!(10), &json!(60)));
    assert_eq!(audit.lines.last().unwrap()["clean"], true);
    // Records after midnight go to the next day's folder; no offset is missing between the two objects.
    lake.store_records(
        0,
        (300..320).map(|offset| (offset, TIMESTAMP + DAY_MS * i64::from(offset >= 310), "{}".to_owned())),
    )
    .await;
    lake.write_ledger(0, &lake.ledger_at(320));
    lake.audit(&["--topic", "quotes", "--generation", "0"]).assert_report(0, &[], &["370 stored"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_object_is_reported_missing() {
    for (first, kind) in [(0, "missing before the first"), (100, "missing"), (200, "ledger ahead of the data")] {
        let lake = TestLake::sample().await;
        lake.remove(&key(0, first));
        let audit = lake.audit(&[]);
        let expected = format!("{kind}: quotes/0 offsets {first} to {} (100): ", first + 99);
        audit.assert_report(FINDINGS, &[kind], &[&expected, "100 missing, no duplicates; see above"]);
        assert_eq!(audit.findings(kind), [finding(first, first + 99, &[])]);
        assert_eq!((&audit.partition_row(0)["missing"], &audit.partition_row(0)["gaps"]), (&json!(100), &json!(1)));
    }
    let lake = TestLake::sample().await;
    for first in [0, 100, 200] {
        lake.remove(&key(0, first));
    }
    let audit = lake.audit(&[]);
    audit.assert_report(FINDINGS, &["ledger ahead of the data"], &["quotes/0 offsets 0 to 299 (300)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_first_accepts_a_partition_that_starts_late() {
    let lake = TestLake::new(Config::new(FOLDER_BUCKET));
    lake.store_batch(0, 5_000_000_000..5_000_000_010).await;
    lake.write_ledger(0, &lake.ledger_at(5_000_000_010));
    lake.audit(&[]).assert_report(
        FINDINGS,
        &["missing before the first"],
        &["offsets 0 to 4999999999", "--from-first"],
    );
    lake.audit(&["--from-first"]).assert_report(0, &[], &["nothing missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicated_object_is_reported_with_its_original() {
    let lake = TestLake::sample().await;
    let (original, copy) = (key(0, 100), key(0, 150));
    lake.copy(&original, &copy);
    let audit = lake.audit(&[]);
    audit.assert_report(
        FINDINGS,
        &["stored twice", "wrong offset"],
        &[
            &format!("stored twice: quotes/0 offsets 100 to 199 (100): {original} and {copy}"),
            &format!("wrong offset: quotes/0: {copy}: the first record has offset 100, but the object's name has 150"),
            "nothing missing, 100 duplicates",
        ],
    );
    assert_eq!(audit.findings("stored twice"), [finding(100, 199, &[&original, &copy])]);
    assert_eq!(audit.partition_row(0)["repeats"], 100);

    let lake = TestLake::sample().await;
    let copy = key_on(21, 0, 100);
    lake.copy(&original, &copy);
    let audit = lake.audit(&[]);
    audit.assert_report(FINDINGS, &["stored twice", "wrong folder"], &[]);
    assert_eq!(audit.findings("stored twice"), [finding(100, 199, &[&original, &copy])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_objects_are_reported_as_stored_twice() {
    let lake = TestLake::sample().await;
    // A sink without a ledger would write this object if a redelivery started at offset 160.
    lake.copy(&key(0, 100), &key(0, 160));
    lake.edit_lines(&key(0, 160), |lines| lines[60..].to_vec());
    let audit = lake.audit(&[]);
    audit.assert_report(FINDINGS, &["stored twice"], &[]);
    assert_eq!(audit.findings("stored twice"), [finding(160, 199, &[&key(0, 100), &key(0, 160)])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_truncated_object_are_reported_missing() {
    let mut plain = Config::new(FOLDER_BUCKET);
    plain.layout.codec = Codec::None;
    for config in [Config::new(FOLDER_BUCKET), zstd(), plain] {
        let codec = config.layout.codec;
        let lake = TestLake::sample_with(config).await;
        let key = key(0, 100).replace("json.gz", codec.extension());
        let whole = fs::read(lake.path(&key)).unwrap();
        lake.write(&key, &whole[..whole.len() - 5]);
        let audit = lake.audit(&[]);
        audit.assert_report(FINDINGS, &["damaged", "missing"], &[&format!("damaged: quotes/0: {key}: ")]);
        let first_missing = if codec == Codec::None { 199 } else { 100 };
        assert_eq!(audit.findings("missing"), [finding(first_missing, 199, &[])], "{codec:?}");
        lake.write(&key, b"");
        lake.audit(&[]).assert_report(FINDINGS, &["damaged", "missing"], &[&key]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_with_a_wrong_offset_is_reported() {
    let lake = TestLake::sample().await;
    let key = key(0, 100);
    lake.edit_lines(&key, |lines| lines.into_iter().map(|line| line.replace(":150,", ":250,")).collect());
    let audit = lake.audit(&[]);
    audit.assert_report(
        FINDINGS,
        &["missing", "out of order", "two records with the same offset"],
        &[&key, "SINK_TOPIC_GENERATION"],
    );
    assert_eq!(audit.findings("missing"), [finding(150, 150, &[])]);
    assert_eq!(audit.findings("out of order"), [(None, None, vec![key.clone()])]);
    assert_eq!(audit.findings("two records with the same offset"), [finding(250, 250, &[&key, &super::key(0, 200)])]);

    let lake = TestLake::sample().await;
    fs::rename(lake.path(&key), lake.path(&super::key(0, 105))).unwrap();
    let expected = format!("{}: the first record has offset 100, but the object's name has 105", super::key(0, 105));
    lake.audit(&[]).assert_report(
        FINDINGS,
        &["wrong offset"],
        &[&expected, "nothing missing, no duplicates, wrong offset: 1"],
    );
}

/// An edit that corrupts an object's lines.
type Edit = fn(Vec<String>) -> Vec<String>;

#[tokio::test(flavor = "multi_thread")]
async fn invalid_lines_are_reported_with_their_number() {
    let key = key(0, 100);
    let edits: [(Edit, &[&str], &str); 6] = [
        (
            |mut lines| {
                lines.swap(7, 8);
                lines
            },
            &["out of order"],
            "out of order: quotes/0: {key}: line 9 has offset 107, after 108",
        ),
        (
            |mut lines| {
                lines.insert(3, "{\"n\":1}".to_owned());
                lines
            },
            &["foreign line"],
            "foreign line: quotes/0: {key}: line 4 was not written by the sink",
        ),
        (
            |lines| lines.into_iter().map(|line| line.replace("partition\":0,", "partition\":7,")).collect(),
            &["missing", "other partition"],
            "other partition: quotes/0: {key}: line 1 belongs to quotes/7, offset 100, generation 0; 99 more lines have the same problem",
        ),
        (
            |lines| lines.into_iter().map(|line| line.replace(":1795132800000", ":1795046400000")).collect(),
            &["wrong folder"],
            "wrong folder: quotes/0: {key}: line 1, offset 100, has a timestamp that does not belong in its folder",
        ),
        (
            |mut lines| {
                lines[99] = lines[99].replace(":199,", ":100100,");
                lines
            },
            &["missing", "spans too many offsets"],
            "spans too many offsets: quotes/0: {key}: line 100 has offset 100100",
        ),
        (
            |mut lines| {
                lines.push(lines[99].clone());
                lines
            },
            &["out of order", "stored twice"],
            "stored twice: quotes/0 offset 199: {key}: twice in one object",
        ),
    ];
    for (edit, kinds, expected) in edits {
        let lake = TestLake::sample().await;
        lake.edit_lines(&key, edit);
        lake.audit(&[]).assert_report(FINDINGS, kinds, &[&expected.replace("{key}", &key)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_records_are_not_reported_as_duplicates() {
    let lake = TestLake::sample().await;
    let conflicting = (50..60).map(|offset| (offset, TIMESTAMP + DAY_MS, "{\"other\":1}".to_owned()));
    lake.store_records(0, conflicting).await;
    let keys = [key(0, 0), key_on(21, 0, 50)];
    let audit = lake.audit(&[]);
    audit.assert_report(FINDINGS, &["two records with the same offset"], &["10 duplicates", "SINK_TOPIC_GENERATION"]);
    assert_eq!(audit.findings("two records with the same offset"), [finding(50, 59, &[&keys[0], &keys[1]])]);

    let lake = TestLake::sample().await;
    lake.store_records(0, (50..60).map(|offset| (offset, TIMESTAMP, "not JSON".to_owned()))).await;
    let quarantined = key(0, 50).replace("data/", "quarantine/");
    let audit = lake.audit(&[]);
    audit.assert_report(FINDINGS, &["stored twice"], &["once as a valid record and once in the quarantine"]);
    assert_eq!(audit.findings("stored twice"), [finding(50, 59, &[&keys[0], &quarantined])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_files_are_reported_but_are_no_fault() {
    let lake = TestLake::sample().await;
    lake.write("data/quotes/dt=2026-11-20/notes.csv", b"x");
    lake.write("ledger/quotes/notes.txt", b"x");
    lake.write("ledger/quotes/0.json", b"x");
    let audit = lake.audit(&[]);
    audit.assert_report(
        0,
        &["foreign object"],
        &["data/quotes/dt=2026-11-20/notes.csv", "ledger/quotes/notes.txt", "ledger/quotes/0.json"],
    );
    for number in 0..30 {
        lake.write(&format!("data/quotes/dt=2026-11-20/{number}.csv"), b"x");
    }
    let audit = lake.audit(&[]);
    audit.assert_report(0, &["foreign object"], &["foreign object: 13 more"]);
    assert_eq!((audit.findings("foreign object").len(), audit.counts_by_kind()["foreign object"]), (20, 33));
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_are_audited_separately() {
    let mut second = Config::new(FOLDER_BUCKET);
    second.layout.generation = 1;
    let mut lake = TestLake::sample().await;
    lake.config = second;
    lake.store_batch(0, 0..10).await;
    lake.write_ledger(0, &lake.ledger_at(10));
    lake.audit(&[]).assert_report(0, &[], &["360 stored, 0 quarantined, offsets 0 to 299 in 3 partitions"]);
    lake.audit(&["--generation", "1"]).assert_report(0, &[], &["10 stored"]);
    lake.remove("data/quotes/dt=2026-11-20/g1-00000-00000000000000000000.json.gz");
    let expected = "quotes/0 of generation 1 offsets 0 to 9 (10)";
    lake.audit(&[]).assert_report(FINDINGS, &["ledger ahead of the data"], &[expected]);
    lake.audit(&["--generation", "0"]).assert_report(0, &[], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_is_audited_like_a_folder() {
    let lake = TestLake::sample().await;
    lake.remove(&key(0, 100));
    let endpoint = lake.storage().serve(0).await.unwrap();
    let tickerlake = |command: &str| {
        Command::new(program("tickerlake").unwrap())
            .args([command, "--bucket", FOLDER_BUCKET])
            .env_remove("KAFKA_BOOTSTRAP_SERVERS")
            .env("AWS_ENDPOINT_URL_S3", endpoint.url())
            .env("AWS_REGION", embedded_s3::REGION)
            .env("AWS_ACCESS_KEY_ID", embedded_s3::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", embedded_s3::SECRET_KEY)
            .output()
            .unwrap()
    };
    let output = tickerlake("audit");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(FINDINGS), "{stdout}");
    assert!(stdout.contains("missing: quotes/0 offsets 100 to 199 (100)"), "{stdout}");
    lake.remove_ledger(1);
    let output = tickerlake("repair");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.starts_with("rebuilt ledger/quotes/00001.json: next 50, 0 gaps\n"), "{stdout}");
    assert_eq!(lake.read_ledger(1), lake.ledger_at(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_lake_is_an_error_not_a_finding() {
    let folder = TempDir::new().unwrap();
    let audit = Audit::run(&folder.path().join("absent"), &[]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("--dir"), "{audit:?}");
    let lake = TestLake::sample().await;
    let audit = lake.audit(&["--topic", "other"]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert_eq!(lake.audit(&["--topic", "a/b"]).code, Some(2));
}
