//! A feed that cannot be resumed without duplicates or gaps is rejected, with exit code 2 and the reason. Nothing is
//! sent.

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use super::*;

tickerlake_tests::on_both_brokers! {
    a_changed_file_is_rejected_and_another_file_is_fed, 2;
    other_arguments_are_rejected_and_another_rate_is_not, 2;
    pipes_and_endless_feeds_are_wrong_usage, 1;
}

/// Runs a command that must be rejected, and returns its error.
fn rejected(feed: &Feed, more: &[&str]) -> String {
    let held = feed.held();
    let output = feed.resumed(more).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(feed.held(), held, "something was sent");
    error.lines().find(|line| line.starts_with("error: ")).map(str::to_owned).unwrap_or(error)
}

async fn a_changed_file_is_rejected_and_another_file_is_fed(broker: TestBroker) {
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    let landed = feed.held();
    feed.write("rows.csv", &table((0..5_001).map(row)));
    feed.write("rows.csv.rejects.csv", "what was rejected before");
    let error = rejected(&feed, &[]);
    assert!(feed.path("rows.csv.rejects.csv").exists());
    assert!(
        error.starts_with("error: --resume: ") && error.contains("rows.csv that were sent before the file changed"),
        "{error}"
    );

    feed.write("rows.csv", &table((0..5_000).map(row)));
    feed.write("more.csv", &table((5_000..5_100).map(row)));
    let both = Feed { arguments: vec!["more.csv", "rows.csv"], folder: feed.folder, ..Feed::of(&broker, 0, &[]) };
    let error = rejected(&both, &[]);
    assert!(
        error.contains(" rows.csv that were sent before the file changed, or together with different files"),
        "{error}"
    );

    let other = Feed { arguments: vec!["more.csv"], ..both };
    assert_eq!(counts(&other.completed(&[])), [100, 0, 100, 0]);
    // A feed that has begun continues if its file is renamed.
    std::fs::rename(other.path("rows.csv"), other.path("renamed.csv")).unwrap();
    let renamed = Feed { arguments: vec!["renamed.csv"], ..other };
    assert_eq!(counts(&renamed.completed(&[])), [5_000, landed as u64, 5_000 - landed as u64, 0]);
}

async fn other_arguments_are_rejected_and_another_rate_is_not(broker: TestBroker) {
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    for more in [&["--repeat", "2"][..], &["--order", "date"], &["--bar", "1w"], &["--simulate", "1m"]] {
        let error = rejected(&feed, more);
        assert!(
            error.starts_with("error: --resume: ") && error.contains(" with different arguments (such as --order,"),
            "{error}"
        );
    }
    feed.completed(&["--rate", "1000000"]);
    feed.holds_each_row_once(0);
}

async fn pipes_and_endless_feeds_are_wrong_usage(broker: TestBroker) {
    let feed = Feed::of(&broker, 10, &[]);
    for (more, named) in [
        (&["-"][..], "--resume: standard input cannot be read a second time"),
        (&["/dev/null"], "--resume: /dev/null cannot be read a second time"),
        (&["--order", "sample"], "--resume with --order sample needs a fixed --seed N"),
        (&["--follow"], "--follow: --resume needs the end of the file"),
        (&["--repeat", "forever"], "--resume: --repeat forever has no last row"),
        (&["-X", "acks=1"], "--resume: -X acks=1: "),
        (&["-X", "message.timeout.ms=1000"], "--resume: -X message.timeout.ms=1000: "),
        (&["-X", "partitioner=random"], "--resume: -X partitioner=random: "),
        (&["--dry-run"], "'--dry-run' cannot be used with '--resume'"),
    ] {
        let error = rejected(&feed, more);
        assert!(error.contains(named), "{error}");
    }
}

fn admin(broker: &TestBroker) -> AdminClient<DefaultClientContext> {
    broker.client().create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn another_number_of_partitions_is_rejected() {
    let broker = TestBroker::apache(2).await.unwrap();
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    let more = NewPartitions::new(&broker.topic, 3);
    admin(&broker).create_partitions([&more], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    let error = rejected(&feed, &[]);
    assert!(error.contains("had 2 partitions when this feed was started and has 3 now"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_partition_whose_rows_were_removed_is_rejected() {
    let broker = TestBroker::apache(2).await.unwrap();
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&broker.topic, 1, Offset::End).unwrap();
    admin(&broker).delete_records(&all, &AdminOptions::new()).await.unwrap();
    let error = rejected(&feed, &[]);
    assert!(error.contains("partition 1 of topic") && error.contains("have been removed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_feed_continues_once_the_topic_accepts_a_large_row() {
    let broker = TestBroker::apache(2).await.unwrap();
    let admin = admin(&broker);
    let limit = async |bytes: &str| {
        let topic = ResourceSpecifier::Topic(&broker.topic);
        let config = AlterConfig::new(topic).set("max.message.bytes", bytes);
        admin.alter_configs([&config], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    };
    limit("2000").await;
    let feed = Feed::of(&broker, 0, &["-X", "batch.size=1500", "-X", "compression.type=none"]);
    let name = |number| if number == 1_000 { "x".repeat(4_000) } else { "x".to_owned() };
    let rows: Vec<String> = (0..2_000).map(|number| format!("{},{}", row(number), name(number))).collect();
    // After the rows of one day the producer sleeps, which gives its client time to send the rows after the failed one.
    feed.write("rows.csv", &format!("Symbol,Date,Close,Name\n{}\nA,2025-01-01,1,x\n", rows.join("\n")));

    let output = feed.resumed(&["--speed", "86400"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("rows.csv line 1002 ") && error.contains("max.message.bytes of the topic"), "{error}");
    limit("10000").await;
    feed.completed(&[]);
    feed.holds_each_row_once(0);
}
