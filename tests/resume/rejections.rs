//! `--resume` rejects what it cannot guarantee: exit code 2, the reason, and no row sent.

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use super::*;

tickerlake_tests::on_both_brokers! {
    changed_file_is_rejected_but_renamed_file_continues, 2;
    changed_arguments_other_than_the_pace_are_rejected, 2;
    unrepeatable_or_endless_input_is_a_usage_error, 1;
}

/// Runs a command that must be rejected; returns its error line.
fn rejection(feed: &Feed, more: &[&str]) -> String {
    let before = feed.records_in_topic();
    let output = feed.resume_command(more).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(feed.records_in_topic(), before, "no row may be sent");
    stderr.lines().find(|line| line.starts_with("error: ")).map(str::to_owned).unwrap_or(stderr)
}

async fn changed_file_is_rejected_but_renamed_file_continues(broker: TestBroker) {
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupt_mid_file(&["--rate", "2000"]);
    let delivered = feed.records_in_topic();
    feed.write("rows.csv", &table((0..5_001).map(row)));
    feed.write("rows.csv.rejects.csv", "rows that an earlier run rejected");
    let error = rejection(&feed, &[]);
    assert!(feed.path("rows.csv.rejects.csv").exists());
    assert!(
        error.starts_with("error: --resume: ") && error.contains("rows.csv as it was before it changed"),
        "{error}"
    );

    feed.write("rows.csv", &table((0..5_000).map(row)));
    feed.write("more.csv", &table((5_000..5_100).map(row)));
    let both = Feed { arguments: vec!["more.csv", "rows.csv"], folder: feed.folder, ..Feed::of(&broker, 0, &[]) };
    let error = rejection(&both, &[]);
    assert!(error.contains(" rows.csv as it was before it changed, or fed together with other files"), "{error}");

    let other = Feed { arguments: vec!["more.csv"], ..both };
    assert_eq!(counts(&other.complete(&[])), [100, 0, 100, 0]);
    // A renamed file continues its feed.
    std::fs::rename(other.path("rows.csv"), other.path("renamed.csv")).unwrap();
    let renamed = Feed { arguments: vec!["renamed.csv"], ..other };
    assert_eq!(counts(&renamed.complete(&[])), [5_000, delivered as u64, 5_000 - delivered as u64, 0]);
}

async fn changed_arguments_other_than_the_pace_are_rejected(broker: TestBroker) {
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupt_mid_file(&["--rate", "2000"]);
    for more in [&["--repeat", "2"][..], &["--order", "date"], &["--numeric", "Close,Open"]] {
        let error = rejection(&feed, more);
        assert!(error.starts_with("error: --resume: ") && error.contains(" with other arguments (--order,"), "{error}");
    }
    feed.complete(&["--rate", "1000000"]);
    feed.assert_each_row_once(0);
}

async fn unrepeatable_or_endless_input_is_a_usage_error(broker: TestBroker) {
    let feed = Feed::of(&broker, 10, &[]);
    for (more, expected) in [
        (&["-"][..], "--resume: standard input cannot be read a second time"),
        (&["/dev/null"], "--resume: /dev/null cannot be read a second time"),
        (&["--order", "sample"], "--resume: --order sample draws other rows"),
        (&["--repeat", "forever"], "--resume: --repeat forever has no last row"),
        (&["-X", "acks=1"], "--resume: -X acks=1: "),
        (&["-X", "message.timeout.ms=1000"], "--resume: -X message.timeout.ms=1000: "),
        (&["-X", "partitioner=random"], "--resume: -X partitioner=random: "),
        (&["--dry-run"], "'--dry-run' cannot be used with '--resume'"),
    ] {
        let error = rejection(&feed, more);
        assert!(error.contains(expected), "{error}");
    }
}

fn admin(broker: &TestBroker) -> AdminClient<DefaultClientContext> {
    broker.client().create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn changed_number_of_partitions_is_rejected() {
    let broker = TestBroker::apache(2).await.unwrap();
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupt_mid_file(&["--rate", "2000"]);
    let more = NewPartitions::new(&broker.topic, 3);
    admin(&broker).create_partitions([&more], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    let error = rejection(&feed, &[]);
    assert!(error.contains("had 2 partitions when this feed was begun and has 3 now"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn partition_with_deleted_rows_is_rejected() {
    let broker = TestBroker::apache(2).await.unwrap();
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupt_mid_file(&["--rate", "2000"]);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&broker.topic, 1, Offset::End).unwrap();
    admin(&broker).delete_records(&all, &AdminOptions::new()).await.unwrap();
    let error = rejection(&feed, &[]);
    assert!(error.contains("partition 1 of topic") && error.contains("has been removed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn feed_stops_at_an_oversized_row_and_resumes_there() {
    let broker = TestBroker::apache(2).await.unwrap();
    let admin = admin(&broker);
    let set_limit = async |bytes: &str| {
        let topic = ResourceSpecifier::Topic(&broker.topic);
        let config = AlterConfig::new(topic).set("max.message.bytes", bytes);
        admin.alter_configs([&config], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    };
    set_limit("2000").await;
    let feed = Feed::of(&broker, 0, &["-X", "batch.size=1500", "-X", "compression.type=none"]);
    let name = |number| if number == 1_000 { "x".repeat(4_000) } else { "x".to_owned() };
    let rows: Vec<String> = (0..2_000).map(|number| format!("{},{}", row(number), name(number))).collect();
    // After the rows of one day the producer sleeps, so that its client has time to send rows after the one that fails.
    feed.write("rows.csv", &format!("Symbol,Date,Close,Name\n{}\nA,2050-01-01,1,x\n", rows.join("\n")));

    let output = feed.resume_command(&["--speed", "86400"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("rows.csv line 1002 ") && stderr.contains("max.message.bytes of the topic"), "{stderr}");
    set_limit("10000").await;
    feed.complete(&[]);
    feed.assert_each_row_once(0);
}
