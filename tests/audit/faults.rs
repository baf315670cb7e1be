//! Whatever is wrong with an object is named with its key and its offsets.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_as_the_sink_wrote_it_is_clean_and_every_figure_is_right() {
    let stored = Stored::sample().await;
    stored.records(1, (50..60).map(|offset| (offset, SENT, "poison".to_owned()))).await;
    stored.ledger(1, &stored.reaching(60));
    let audit = stored.audit(&[]);
    audit.is(0, &[], &[]);
    assert_eq!(
        audit.text,
        "topic   generation  partition  stored  quarantined  first  last  gaps  repeats  ledger\n\
         quotes           0          0     300            0      0   299     0        0  next 300\n\
         quotes           0          1      50           10      0    59     0        0  next 60\n\n\
         audit: 350 stored, 10 quarantined, offsets 0 to 299 in 2 partitions, nothing missing, no duplicates\n"
    );
    let row = audit.row(1);
    assert_eq!((&row["stored"], &row["quarantined"], &row["ledger"]["next"]), (&json!(50), &json!(10), &json!(60)));
    assert_eq!(audit.lines.last().unwrap()["clean"], true);
    // A generation's first day after midnight is another folder, and nothing is lost between the two.
    stored.records(0, (300..320).map(|offset| (offset, SENT + DAY * i64::from(offset >= 310), "{}".to_owned()))).await;
    stored.ledger(0, &stored.reaching(320));
    stored.audit(&["--topic", "quotes", "--generation", "0"]).is(0, &[], &["370 stored"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_is_missing_wherever_it_was() {
    for (first, kind) in [(0, "missing before the first"), (100, "missing"), (200, "ledger ahead of the data")] {
        let stored = Stored::sample().await;
        stored.remove(&key(0, first));
        let audit = stored.audit(&[]);
        let told = format!("{kind}: quotes/0 offsets {first} to {} (100): ", first + 99);
        audit.is(FOUND, &[kind], &[&told, "100 missing, no duplicates; see above"]);
        assert_eq!(audit.found(kind), [found(first, first + 99, &[])]);
        assert_eq!((&audit.row(0)["missing"], &audit.row(0)["gaps"]), (&json!(100), &json!(1)));
    }
    let stored = Stored::sample().await;
    for first in [0, 100, 200] {
        stored.remove(&key(0, first));
    }
    let audit = stored.audit(&[]);
    audit.is(FOUND, &["ledger ahead of the data"], &["quotes/0 offsets 0 to 299 (300)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_began_later_is_let_be_when_it_is_said() {
    let stored = Stored::new(Config::new(FOLDER_BUCKET));
    stored.batch(0, 5_000_000_000..5_000_000_010).await;
    stored.ledger(0, &stored.reaching(5_000_000_010));
    stored.audit(&[]).is(FOUND, &["missing before the first"], &["offsets 0 to 4999999999", "--from-first"]);
    stored.audit(&["--from-first"]).is(0, &[], &["nothing missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicated_object_is_named_with_the_one_that_it_repeats() {
    let stored = Stored::sample().await;
    let (own, copy) = (key(0, 100), key(0, 150));
    stored.copy(&own, &copy);
    let audit = stored.audit(&[]);
    audit.is(
        FOUND,
        &["stored twice", "wrong offset"],
        &[
            &format!("stored twice: quotes/0 offsets 100 to 199 (100): {own} and {copy}"),
            &format!("wrong offset: quotes/0: {copy}: its first record has offset 100, its name has 150"),
            "nothing missing, 100 duplicates",
        ],
    );
    assert_eq!(audit.found("stored twice"), [found(100, 199, &[&own, &copy])]);
    assert_eq!(audit.row(0)["repeats"], 100);

    let stored = Stored::sample().await;
    let copy = key_on(21, 0, 100);
    stored.copy(&own, &copy);
    let audit = stored.audit(&[]);
    audit.is(FOUND, &["stored twice", "wrong folder"], &[]);
    assert_eq!(audit.found("stored twice"), [found(100, 199, &[&own, &copy])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_delivered_again_with_other_boundaries_is_seen_by_its_overlap() {
    let stored = Stored::sample().await;
    // What a sink without a ledger would have made of a delivery that began at 160.
    stored.copy(&key(0, 100), &key(0, 160));
    stored.edit(&key(0, 160), |lines| lines[60..].to_vec());
    let audit = stored.audit(&[]);
    audit.is(FOUND, &["stored twice"], &[]);
    assert_eq!(audit.found("stored twice"), [found(160, 199, &[&key(0, 100), &key(0, 160)])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_object_is_named_and_what_it_held_is_missing() {
    let mut plain = Config::new(FOLDER_BUCKET);
    plain.layout.codec = Codec::None;
    for config in [Config::new(FOLDER_BUCKET), zstd(), plain] {
        let codec = config.layout.codec;
        let stored = Stored::sample_with(config).await;
        let key = key(0, 100).replace("json.gz", codec.extension());
        let whole = fs::read(stored.path(&key)).unwrap();
        stored.write(&key, &whole[..whole.len() - 5]);
        let audit = stored.audit(&[]);
        audit.is(FOUND, &["damaged", "missing"], &[&format!("damaged: quotes/0: {key}: ")]);
        let lost = if codec == Codec::None { 199 } else { 100 };
        assert_eq!(audit.found("missing"), [found(lost, 199, &[])], "{codec:?}");
        stored.write(&key, b"");
        stored.audit(&[]).is(FOUND, &["damaged", "missing"], &[&key]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_a_wrong_offset_is_named() {
    let stored = Stored::sample().await;
    let key = key(0, 100);
    stored.edit(&key, |lines| lines.into_iter().map(|line| line.replace(":150,", ":250,")).collect());
    let audit = stored.audit(&[]);
    audit.is(FOUND, &["missing", "out of order", "two records of one offset"], &[&key, "SINK_TOPIC_GENERATION"]);
    assert_eq!(audit.found("missing"), [found(150, 150, &[])]);
    assert_eq!(audit.found("out of order"), [(None, None, vec![key.clone()])]);
    assert_eq!(audit.found("two records of one offset"), [found(250, 250, &[&key, &super::key(0, 200)])]);

    let stored = Stored::sample().await;
    fs::rename(stored.path(&key), stored.path(&super::key(0, 105))).unwrap();
    let told = format!("{}: its first record has offset 100, its name has 105", super::key(0, 105));
    stored.audit(&[]).is(FOUND, &["wrong offset"], &[&told, "nothing missing, no duplicates, wrong offset: 1"]);
}

/// Lines as they come out of an edit that breaks them.
type Edit = fn(Vec<String>) -> Vec<String>;

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_no_sink_writes_are_named_with_their_number() {
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
            "foreign line: quotes/0: {key}: line 4 is not a line of the sink",
        ),
        (
            |lines| lines.into_iter().map(|line| line.replace("partition\":0,", "partition\":7,")).collect(),
            &["missing", "other partition"],
            "other partition: quotes/0: {key}: line 1 belongs to quotes/7, offset 100, generation 0; 99 more lines have the same problem",
        ),
        (
            |lines| lines.into_iter().map(|line| line.replace(":1795132800000", ":1795046400000")).collect(),
            &["wrong folder"],
            "wrong folder: quotes/0: {key}: line 1, offset 100, has a timestamp that does not belong into its folder",
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
    for (edit, kinds, told) in edits {
        let stored = Stored::sample().await;
        stored.edit(&key, edit);
        stored.audit(&[]).is(FOUND, kinds, &[&told.replace("{key}", &key)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_records_of_one_offset_are_told_apart_from_one_record_twice() {
    let stored = Stored::sample().await;
    let again = (50..60).map(|offset| (offset, SENT + DAY, "{\"other\":1}".to_owned()));
    stored.records(0, again).await;
    let keys = [key(0, 0), key_on(21, 0, 50)];
    let audit = stored.audit(&[]);
    audit.is(FOUND, &["two records of one offset"], &["10 duplicates", "SINK_TOPIC_GENERATION"]);
    assert_eq!(audit.found("two records of one offset"), [found(50, 59, &[&keys[0], &keys[1]])]);

    let stored = Stored::sample().await;
    stored.records(0, (50..60).map(|offset| (offset, SENT, "poison".to_owned()))).await;
    let aside = key(0, 50).replace("data/", "quarantine/");
    let audit = stored.audit(&[]);
    audit.is(FOUND, &["stored twice"], &["once as a valid record and once in the quarantine"]);
    assert_eq!(audit.found("stored twice"), [found(50, 59, &[&keys[0], &aside])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_others_are_noted_and_do_no_harm() {
    let stored = Stored::sample().await;
    stored.write("data/quotes/dt=2026-11-20/notes.csv", b"x");
    stored.write("ledger/quotes/notes.txt", b"x");
    stored.write("ledger/quotes/0.json", b"x");
    let audit = stored.audit(&[]);
    audit.is(
        0,
        &["foreign object"],
        &["data/quotes/dt=2026-11-20/notes.csv", "ledger/quotes/notes.txt", "ledger/quotes/0.json"],
    );
    for number in 0..30 {
        stored.write(&format!("data/quotes/dt=2026-11-20/{number}.csv"), b"x");
    }
    let audit = stored.audit(&[]);
    audit.is(0, &["foreign object"], &["foreign object: 13 more"]);
    assert_eq!((audit.found("foreign object").len(), audit.kinds()["foreign object"]), (20, 33));
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_are_looked_at_each_for_itself() {
    let mut second = Config::new(FOLDER_BUCKET);
    second.layout.generation = 1;
    let mut stored = Stored::sample().await;
    stored.config = second;
    stored.batch(0, 0..10).await;
    stored.ledger(0, &stored.reaching(10));
    stored.audit(&[]).is(0, &[], &["360 stored, 0 quarantined, offsets 0 to 299 in 3 partitions"]);
    stored.audit(&["--generation", "1"]).is(0, &[], &["10 stored"]);
    stored.remove("data/quotes/dt=2026-11-20/g1-00000-00000000000000000000.json.gz");
    let told = "quotes/0 of generation 1 offsets 0 to 9 (10)";
    stored.audit(&[]).is(FOUND, &["ledger ahead of the data"], &[told]);
    stored.audit(&["--generation", "0"]).is(0, &[], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_looked_at_like_a_folder() {
    let stored = Stored::sample().await;
    stored.remove(&key(0, 100));
    let endpoint = stored.storage().serve(0).await.unwrap();
    let tickerlake = |command: &str| {
        Command::new(program("tickerlake").unwrap())
            .args([command, "--bucket", FOLDER_BUCKET])
            .env_remove("KAFKA_BOOTSTRAP_SERVERS")
            .env("AWS_ENDPOINT_URL_S3", endpoint.url())
            .env("AWS_REGION", embedded::s3::REGION)
            .env("AWS_ACCESS_KEY_ID", embedded::s3::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", embedded::s3::SECRET_KEY)
            .output()
            .unwrap()
    };
    let output = tickerlake("audit");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(FOUND), "{said}");
    assert!(said.contains("missing: quotes/0 offsets 100 to 199 (100)"), "{said}");
    stored.lose_ledger(1);
    let output = tickerlake("repair");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("rebuilt ledger/quotes/00001.json: next 50, 0 gaps\n"), "{said}");
    assert_eq!(stored.told(1), stored.reaching(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_not_there_is_a_failure_and_no_finding() {
    let folder = TempDir::new().unwrap();
    let audit = Audit::of(&folder.path().join("absent"), &[]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("--dir"), "{audit:?}");
    let stored = Stored::sample().await;
    let audit = stored.audit(&["--topic", "other"]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert_eq!(stored.audit(&["--topic", "a/b"]).code, Some(2));
}
