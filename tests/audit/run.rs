//! `tickerlake run` ends with an audit of the lake that it wrote to.

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
fn run_ends_with_a_clean_audit() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let (code, stdout) = run(folder.path(), &[]);
        assert_eq!(code, Some(0), "{stdout}");
        let last = "audit: 1,200 stored, 0 quarantined, offsets 0 to 752 in 3 partitions, nothing missing, no duplicates, lag 0";
        assert_eq!(stdout.lines().last(), Some(last));
    }
    let (code, stdout) = run(folder.path(), &["--format", "json"]);
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(code, Some(0), "{stdout}");
    assert_eq!((&last["type"], &last["stored"], &last["clean"]), (&json!("audit"), &json!(1_200), &json!(true)));
    Audit::run(folder.path(), &[]).assert_report(0, &[], &["3,600 stored"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_exits_with_4_if_the_audit_finds_a_lost_object() {
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
    let (code, stdout) = run(folder.path(), &arguments);
    assert_eq!(code, Some(FINDINGS), "{stdout}");
    let expected = format!("missing: {}/0 offsets {first} to {last} (", broker.topic);
    assert!(
        stdout
            .lines()
            .any(|line| line.starts_with(&expected) && line.ends_with("the broker still delivers these offsets")),
        "{stdout}"
    );
    assert!(stdout.lines().last().unwrap().ends_with("; see above"), "{stdout}");
}
