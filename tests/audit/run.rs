//! A run ends with the audit of what it has stored.

use tickerlake_tests::broker::TestBroker;

use super::*;

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program("tickerlake").unwrap())
        .args(["run", "--batch-size", "100", "--dir", folder.to_str().unwrap()])
        .args(arguments)
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_run_ends_with_what_is_stored_and_that_nothing_is_missing_or_twice() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let (code, said) = run(folder.path(), &[]);
        assert_eq!(code, Some(0), "{said}");
        let last = "audit: 1,200 stored, 0 quarantined, offsets 0 to 752 in 3 partitions, nothing missing, no duplicates, lag 0";
        assert_eq!(said.lines().last(), Some(last));
    }
    let (code, said) = run(folder.path(), &["--format", "json"]);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&last["type"], &last["stored"], &last["clean"]), (&json!("audit"), &json!(1_200), &json!(true)));
    Audit::of(folder.path(), &[]).is(0, &[], &["3,600 stored"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_a_lake_that_has_lost_an_object_says_so_and_ends_with_4() {
    let broker = TestBroker::embedded(1).await.unwrap();
    let folder = TempDir::new().unwrap();
    let arguments = ["-b", broker.servers(), "--topic", &broker.topic];
    run(folder.path(), &arguments);
    let bucket = folder.path().join(FOLDER_BUCKET);
    let objects = lake::objects(&bucket).unwrap();
    let second = objects.iter().filter(|(key, _)| key.starts_with("data/")).nth(1).unwrap();
    let offset = |line: Option<&Value>| line.unwrap()["kafka_offset"].as_i64().unwrap();
    let (first, last) = (offset(second.1.first()), offset(second.1.last()));
    fs::remove_file(bucket.join(second.0)).unwrap();
    let (code, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(FOUND), "{said}");
    let told = format!("missing: {}/0 offsets {first} to {last} (", broker.topic);
    assert!(
        said.lines().any(|line| line.starts_with(&told) && line.ends_with("the broker still delivers them")),
        "{said}"
    );
    assert!(said.lines().last().unwrap().ends_with("; see above"), "{said}");
}
