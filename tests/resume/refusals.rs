//! What cannot be guaranteed is refused, with exit code 2, the reason, and nothing sent.

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use super::*;

tickerlake_tests::on_both_brokers! {
    a_file_that_has_changed_is_refused_and_another_file_is_another_feed, 2;
    other_arguments_are_refused_and_another_pace_is_not, 2;
    what_cannot_be_read_again_or_never_ends_is_wrong_usage, 1;
}

/// What the command says that is refused.
fn refused(feed: &Feed, more: &[&str]) -> String {
    let held = feed.held();
    let output = feed.resumed(more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(feed.held(), held, "something was sent");
    said.lines().find(|line| line.starts_with("error: ")).map(str::to_owned).unwrap_or(said)
}

async fn a_file_that_has_changed_is_refused_and_another_file_is_another_feed(broker: TestBroker) {
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    let landed = feed.held();
    feed.write("rows.csv", &table((0..5_001).map(row)));
    feed.write("rows.csv.rejects.csv", "what was rejected before");
    let said = refused(&feed, &[]);
    assert!(feed.path("rows.csv.rejects.csv").exists());
    assert!(said.starts_with("error: --resume: ") && said.contains("rows.csv as it was before it changed"), "{said}");

    feed.write("rows.csv", &table((0..5_000).map(row)));
    feed.write("more.csv", &table((5_000..5_100).map(row)));
    let both = Feed { arguments: vec!["more.csv", "rows.csv"], folder: feed.folder, ..Feed::of(&broker, 0, &[]) };
    let said = refused(&both, &[]);
    assert!(said.contains(" rows.csv as it was before it changed, or fed together with other files"), "{said}");

    let other = Feed { arguments: vec!["more.csv"], ..both };
    assert_eq!(counts(&other.completed(&[])), [100, 0, 100, 0]);
    // What was begun goes on under any name.
    std::fs::rename(other.path("rows.csv"), other.path("renamed.csv")).unwrap();
    let renamed = Feed { arguments: vec!["renamed.csv"], ..other };
    assert_eq!(counts(&renamed.completed(&[])), [5_000, landed as u64, 5_000 - landed as u64, 0]);
}

async fn other_arguments_are_refused_and_another_pace_is_not(broker: TestBroker) {
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    for more in [&["--repeat", "2"][..], &["--order", "date"], &["--numeric", "Close,Open"]] {
        let said = refused(&feed, more);
        assert!(said.starts_with("error: --resume: ") && said.contains(" with other arguments (--order,"), "{said}");
    }
    feed.completed(&["--rate", "1000000"]);
    feed.holds_each_row_once(0);
}

async fn what_cannot_be_read_again_or_never_ends_is_wrong_usage(broker: TestBroker) {
    let feed = Feed::of(&broker, 10, &[]);
    for (more, named) in [
        (&["-"][..], "--resume: standard input cannot be read a second time"),
        (&["/dev/null"], "--resume: /dev/null cannot be read a second time"),
        (&["--order", "sample"], "--resume: --order sample draws other rows"),
        (&["--repeat", "forever"], "--resume: --repeat forever has no last row"),
        (&["-X", "acks=1"], "--resume: -X acks=1: "),
        (&["-X", "message.timeout.ms=1000"], "--resume: -X message.timeout.ms=1000: "),
        (&["-X", "partitioner=random"], "--resume: -X partitioner=random: "),
        (&["--dry-run"], "'--dry-run' cannot be used with '--resume'"),
    ] {
        let said = refused(&feed, more);
        assert!(said.contains(named), "{said}");
    }
}

fn admin(broker: &TestBroker) -> AdminClient<DefaultClientContext> {
    broker.client().create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_topic_with_another_number_of_partitions_is_refused() {
    let broker = TestBroker::apache(2).await.unwrap();
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    let more = NewPartitions::new(&broker.topic, 3);
    admin(&broker).create_partitions([&more], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    let said = refused(&feed, &[]);
    assert!(said.contains("had 2 partitions when this feed was begun and has 3 now"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_partition_whose_rows_were_removed_is_refused() {
    let broker = TestBroker::apache(2).await.unwrap();
    let feed = Feed::of(&broker, 5_000, &[]);
    feed.interrupted(&["--rate", "2000"]);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&broker.topic, 1, Offset::End).unwrap();
    admin(&broker).delete_records(&all, &AdminOptions::new()).await.unwrap();
    let said = refused(&feed, &[]);
    assert!(said.contains("partition 1 of topic") && said.contains("has been removed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn after_a_row_that_the_topic_does_not_take_nothing_lands_and_the_feed_goes_on_once_it_does() {
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
    // After the rows of one day the producer sleeps, and gives its client time to send what comes after the failure.
    feed.write("rows.csv", &format!("Symbol,Date,Close,Name\n{}\nA,2050-01-01,1,x\n", rows.join("\n")));

    let output = feed.resumed(&["--speed", "86400"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("rows.csv line 1002 ") && said.contains("max.message.bytes of the topic"), "{said}");
    limit("10000").await;
    feed.completed(&[]);
    feed.holds_each_row_once(0);
}
