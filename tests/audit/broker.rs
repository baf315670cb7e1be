//! The comparison with the broker distinguishes lost records from offsets that the broker never delivers.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tickerlake_tests::acl::{Operation, Resource, allow};
use tickerlake_tests::apache_kafka::{ApacheKafka, STRANGER};
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::kafka;

use super::*;

const WAIT: Duration = Duration::from_secs(60);

tickerlake_tests::on_both_brokers! {
    offsets_the_broker_still_delivers_are_reported_missing, 2;
    broker_ending_before_the_lake_is_reported, 1;
    only_the_newest_generation_is_compared_with_the_broker, 1;
}

/// Creates a lake of `topic` that stores each of the offset ranges of partition 0 as a batch, with a ledger.
async fn lake_of_topic(topic: &str, batches: impl IntoIterator<Item = Range<i64>>) -> TestLake {
    let lake = TestLake { topic: topic.to_owned(), ..TestLake::new(Config::new(FOLDER_BUCKET)) };
    let mut next = 0;
    for offsets in batches {
        next = offsets.end;
        lake.store_batch(0, offsets).await;
    }
    lake.write_ledger(0, &lake.ledger_at(next));
    lake
}

fn values(count: usize) -> impl Iterator<Item = Option<String>> {
    (0..count).map(|_| None)
}

async fn offsets_the_broker_still_delivers_are_reported_missing(broker: TestBroker) {
    broker.send(0, values(307)).await.unwrap();
    broker.send(1, values(5)).await.unwrap();
    let topic = &broker.topic;
    let lake = lake_of_topic(topic, [0..100, 200..210, 211..300]).await;
    let audit = lake.audit(&["-b", broker.servers()]);
    let expected = "in no object, and not declared by the ledger; the broker still delivers these offsets";
    audit.assert_report(FINDINGS, &["missing"], &[&format!("missing: {topic}/0 offsets 100 to 199 (100): {expected}")]);
    assert_eq!(audit.findings("missing"), [finding(100, 199, &[]), finding(210, 210, &[])]);
    assert_eq!(audit.partition_row(0)["broker"], json!({"low": 0, "high": 307, "lag": 7}));
    assert_eq!(
        audit.partition_row(1)["broker"],
        json!({"low": 0, "high": 5, "lag": 5}),
        "no record of this partition is stored"
    );
    lake.store_batch(0, 100..200).await;
    lake.store_batch(0, 210..211).await;
    lake.write_ledger(0, &lake.ledger_at(300));
    lake.audit(&["-b", broker.servers()]).assert_report(0, &[], &["next 300  0 to 307  7", "nothing missing"]);
}

async fn broker_ending_before_the_lake_is_reported(broker: TestBroker) {
    broker.send(0, values(250)).await.unwrap();
    let lake = lake_of_topic(&broker.topic, [0..240, 260..300]).await;
    let audit = lake.audit(&["-b", broker.servers()]);
    let expected = "broker behind the lake: TOPIC/0: the partition ends at offset 250 on the broker, but at offset \
                    300 in the lake";
    let expected = expected.replace("TOPIC", &broker.topic);
    audit.assert_report(
        FINDINGS,
        &["broker behind the lake", "missing"],
        &[&expected, "past the end of the broker's partition"],
    );
    assert_eq!(audit.findings("missing"), [finding(240, 249, &[]), finding(250, 259, &[])]);
    assert_eq!(audit.partition_row(0)["broker"]["lag"], 0);
}

async fn only_the_newest_generation_is_compared_with_the_broker(broker: TestBroker) {
    broker.send(0, values(10)).await.unwrap();
    let mut lake = lake_of_topic(&broker.topic, [0..40, 40..50]).await;
    lake.config.layout.generation = 1;
    lake.store_batch(0, 0..10).await;
    lake.write_ledger(0, &lake.ledger_at(10));
    let audit = lake.audit(&["-b", broker.servers()]);
    audit.assert_report(0, &["not compared"], &[&format!("not compared: {}, generations before 1", broker.topic)]);
    let rows: Vec<&Value> = audit.lines_of_type("partition").map(|row| &row["broker"]).collect();
    assert_eq!(rows, [&Value::Null, &json!({"low": 0, "high": 10, "lag": 0})]);
    let older = lake.audit(&["-b", broker.servers(), "--generation", "0"]);
    older.assert_report(0, &["not compared"], &["generation 0: the newest generation is 1"]);
    lake.remove(&format!("data/{}/dt=2026-11-20/g1-00000-00000000000000000000.json.gz", broker.topic));
    let older = lake.audit(&["-b", broker.servers(), "--generation", "0"]);
    older.assert_report(0, &["not compared"], &["generation 0: the newest generation is 1"]);
    let lake = TestLake::sample().await;
    lake.audit(&["-b", broker.servers()]).assert_report(0, &["not compared"], &["the broker has no topic quotes"]);
}

#[test]
fn unreachable_broker_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = runtime.block_on(TestLake::sample());
    let audit = lake.audit(&["-b", "127.0.0.1:1"]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("127.0.0.1:1 (--bootstrap-server)"), "{audit:?}");
}

/// Creates a topic with one partition in the shared Apache Kafka, and returns the broker's address and the topic.
async fn apache_topic(settings: &'static [(&str, &str)]) -> (&'static str, String) {
    let topic = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let name = topic.clone();
    let created = tokio::task::spawn_blocking(move || {
        let kafka = ApacheKafka::shared();
        kafka.create_topic(&name, 1, settings).unwrap();
        kafka.plaintext.as_str()
    });
    (created.await.unwrap(), topic)
}

/// The producer of a stack on AWS has these permissions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn audit_needs_no_consumer_group_permission() {
    let (servers, topic) = apache_topic(&[]).await;
    let lake = lake_of_topic(&topic, [0..10, 20..30]).await;
    let audit = tokio::task::spawn_blocking(move || {
        let kafka = ApacheKafka::shared();
        for operation in [Operation::Describe, Operation::Read] {
            allow(servers, "stranger", operation, Resource::Topic(&topic)).unwrap();
        }
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
        for _ in 0..35 {
            producer.send(BaseRecord::<(), str>::to(&topic).payload("{}")).unwrap();
        }
        producer.flush(WAIT).unwrap();
        let config = kafka.client_properties.to_str().unwrap();
        lake.audit(&[&["-b", &kafka.sasl_ssl, "--config", config], &STRANGER[..]].concat())
    });
    let audit = audit.await.unwrap();
    assert_eq!(audit.findings("missing"), [finding(10, 19, &[])], "{audit:?}");
    assert_eq!(audit.partition_row(0)["broker"], json!({"low": 0, "high": 35, "lag": 5}));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn transaction_markers_and_aborted_records_are_not_missing() {
    let (servers, topic) = apache_topic(&[]).await;
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", servers).set("transactional.id", &topic).create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    for (count, is_committed) in [(10, true), (10, true), (5, false), (10, true)] {
        producer.begin_transaction().unwrap();
        for _ in 0..count {
            producer.send(BaseRecord::<(), str>::to(&topic).payload("{}")).unwrap();
        }
        producer.flush(WAIT).unwrap();
        if is_committed {
            producer.commit_transaction(WAIT).unwrap();
        } else {
            producer.abort_transaction(WAIT).unwrap();
        }
    }
    // Offsets 10, 21, 27 and 38 are transaction markers, 22 to 26 were aborted. The second lake lacks one more object.
    let read = kafka::read(servers, &topic, 30).unwrap();
    let offsets: Vec<i64> = read.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [0..10, 11..21, 28..38].into_iter().flatten().collect::<Vec<_>>());
    let lake = lake_of_topic(&topic, [0..10, 11..21, 28..38]).await;
    let without_broker = lake.audit(&[]);
    without_broker.assert_report(FINDINGS, &["missing"], &["--bootstrap-server the audit shows"]);
    assert_eq!(without_broker.findings("missing"), [finding(10, 10, &[]), finding(21, 27, &[])]);
    let audit = lake.audit(&["-b", servers]);
    audit.assert_report(0, &["not delivered"], &["nothing missing, no duplicates", "transaction markers"]);
    assert_eq!(audit.findings("not delivered"), [finding(10, 10, &[]), finding(21, 27, &[])]);
    assert_eq!(audit.partition_row(0)["not_delivered"], 8);

    let lake = lake_of_topic(&topic, [0..10, 28..38]).await;
    let audit = lake.audit(&["-b", servers]);
    audit.assert_report(FINDINGS, &["missing", "not delivered"], &[]);
    assert_eq!(audit.findings("missing"), [finding(11, 20, &[])]);
    // A gap that the ledger declares is reported as such.
    lake.write_ledger(0, &Ledger { gaps: std::iter::once(10..28).collect(), ..lake.ledger_at(38) });
    let audit = lake.audit(&["-b", servers]);
    assert_eq!(audit.findings("declared by the ledger"), [finding(11, 20, &[])]);
    assert_eq!(audit.findings("not delivered"), [finding(10, 10, &[]), finding(21, 27, &[])]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn compacted_records_are_not_missing() {
    const COMPACTED: &[(&str, &str)] = &[
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("max.compaction.lag.ms", "100"),
    ];
    let (servers, topic) = apache_topic(COMPACTED).await;
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    let send = |key: &str| {
        producer.send(BaseRecord::to(&topic).key(key).payload("{}")).unwrap();
        producer.flush(WAIT).unwrap();
    };
    for n in 0..40 {
        send(if n % 4 == 0 { "other" } else { "same" });
    }
    let limit = Instant::now() + 2 * WAIT;
    let remaining = loop {
        // A new record rolls the segment: Kafka compacts only segments that are closed.
        send("end");
        std::thread::sleep(Duration::from_millis(500));
        let remaining = kafka::read_to_end(servers, &topic).unwrap();
        if remaining.iter().filter(|offset| **offset < 40).count() == 2 {
            break remaining;
        }
        assert!(Instant::now() < limit, "compaction has not removed the records: {remaining:?}");
    };
    let last = *remaining.last().unwrap();
    let lake = lake_of_topic(&topic, remaining.iter().map(|offset| *offset..*offset + 1)).await;
    let from_first = ["--from-first"];
    assert_eq!(lake.audit(&from_first).code, Some(FINDINGS));
    let audit = lake.audit(&["-b", servers]);
    audit.assert_report(0, &["not delivered"], &["nothing missing"]);
    let row = audit.partition_row(0);
    assert_eq!(row["not_delivered"], last + 1 - i64::try_from(remaining.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn records_the_broker_deleted_stay_missing() {
    let broker = TestBroker::apache(1).await.unwrap();
    broker.send(0, values(300)).await.unwrap();
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let mut until = TopicPartitionList::new();
    until.add_partition_offset(&broker.topic, 0, Offset::Offset(150)).unwrap();
    admin.delete_records(&until, &AdminOptions::new()).await.unwrap();
    let lake = lake_of_topic(&broker.topic, [50..100, 110..120, 130..140, 160..300]).await;
    lake.write_ledger(0, &Ledger { gaps: std::iter::once(100..110).collect(), ..lake.ledger_at(300) });
    let audit = lake.audit(&["-b", broker.servers()]);
    let expected = "the broker has removed these offsets, so whether they held records is unknown";
    audit.assert_report(FINDINGS, &["declared by the ledger", "missing", "unknown"], &[expected]);
    assert_eq!(audit.findings("unknown"), [finding(0, 49, &[])]);
    assert_eq!(audit.findings("declared by the ledger"), [finding(100, 109, &[])]);
    assert_eq!(audit.findings("missing"), [finding(120, 129, &[]), finding(140, 149, &[]), finding(150, 159, &[])]);
    assert_eq!(audit.partition_row(0)["broker"], json!({"low": 150, "high": 300, "lag": 0}));
    let lake = lake_of_topic(&broker.topic, [160..200, 200..300]).await;
    let audit = lake.audit(&["-b", broker.servers()]);
    audit.assert_report(
        FINDINGS,
        &["missing before the first", "unknown"],
        &["the broker still delivers these offsets"],
    );
    lake.store_batch(0, 150..160).await;
    lake.write_ledger(0, &lake.ledger_at(300));
    lake.audit(&["-b", broker.servers()]).assert_report(0, &["unknown"], &["nothing missing"]);
}
