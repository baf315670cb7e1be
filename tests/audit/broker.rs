//! Where the broker can be asked, what was lost is told from what it never delivers.

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
    what_the_broker_still_delivers_was_lost_and_what_is_not_stored_yet_is_lag, 2;
    a_broker_that_ends_before_the_lake_is_noted, 1;
    older_generations_and_unknown_topics_are_not_compared, 1;
}

/// A lake of the broker's topic, with the offsets of partition 0 that are given, and its ledger.
async fn of_topic(topic: &str, parts: impl IntoIterator<Item = Range<i64>>) -> Stored {
    let stored = Stored { topic: topic.to_owned(), ..Stored::new(Config::new(FOLDER_BUCKET)) };
    let mut next = 0;
    for offsets in parts {
        next = offsets.end;
        stored.batch(0, offsets).await;
    }
    stored.ledger(0, &stored.reaching(next));
    stored
}

fn values(count: usize) -> impl Iterator<Item = Option<String>> {
    (0..count).map(|_| None)
}

async fn what_the_broker_still_delivers_was_lost_and_what_is_not_stored_yet_is_lag(broker: TestBroker) {
    broker.send(0, values(307)).await.unwrap();
    broker.send(1, values(5)).await.unwrap();
    let topic = &broker.topic;
    let stored = of_topic(topic, [0..100, 200..210, 211..300]).await;
    let audit = stored.audit(&["-b", broker.servers()]);
    let told = "in no object, and not declared by the ledger; the broker still delivers them";
    audit.is(FOUND, &["missing"], &[&format!("missing: {topic}/0 offsets 100 to 199 (100): {told}")]);
    assert_eq!(audit.found("missing"), [found(100, 199, &[]), found(210, 210, &[])]);
    assert_eq!(audit.row(0)["broker"], json!({"low": 0, "high": 307, "lag": 7}));
    assert_eq!(audit.row(1)["broker"], json!({"low": 0, "high": 5, "lag": 5}), "nothing of it is stored");
    stored.batch(0, 100..200).await;
    stored.batch(0, 210..211).await;
    stored.ledger(0, &stored.reaching(300));
    stored.audit(&["-b", broker.servers()]).is(0, &[], &["next 300  0 to 307  7", "nothing missing"]);
}

async fn a_broker_that_ends_before_the_lake_is_noted(broker: TestBroker) {
    broker.send(0, values(250)).await.unwrap();
    let stored = of_topic(&broker.topic, [0..240, 260..300]).await;
    let audit = stored.audit(&["-b", broker.servers()]);
    let told = "broker behind the lake: TOPIC/0: the broker's partition ends at 250, the lake's at 300";
    let told = told.replace("TOPIC", &broker.topic);
    audit.is(FOUND, &["broker behind the lake", "missing"], &[&told, "past the end of the broker's partition"]);
    assert_eq!(audit.found("missing"), [found(240, 249, &[]), found(250, 259, &[])]);
    assert_eq!(audit.row(0)["broker"]["lag"], 0);
}

async fn older_generations_and_unknown_topics_are_not_compared(broker: TestBroker) {
    broker.send(0, values(10)).await.unwrap();
    let mut stored = of_topic(&broker.topic, [0..40, 40..50]).await;
    stored.config.layout.generation = 1;
    stored.batch(0, 0..10).await;
    stored.ledger(0, &stored.reaching(10));
    let audit = stored.audit(&["-b", broker.servers()]);
    audit.is(0, &["not compared"], &[&format!("not compared: {}, generations before 1", broker.topic)]);
    let rows: Vec<&Value> = audit.of_type("partition").map(|row| &row["broker"]).collect();
    assert_eq!(rows, [&Value::Null, &json!({"low": 0, "high": 10, "lag": 0})]);
    let older = stored.audit(&["-b", broker.servers(), "--generation", "0"]);
    older.is(0, &["not compared"], &["generation 0: the newest is 1"]);
    stored.remove(&format!("data/{}/dt=2026-11-20/g1-00000-00000000000000000000.json.gz", broker.topic));
    let older = stored.audit(&["-b", broker.servers(), "--generation", "0"]);
    older.is(0, &["not compared"], &["generation 0: the newest is 1"]);
    let stored = Stored::sample().await;
    stored.audit(&["-b", broker.servers()]).is(0, &["not compared"], &["the broker has no topic quotes"]);
}

#[test]
fn a_broker_that_does_not_answer_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stored = runtime.block_on(Stored::sample());
    let audit = stored.audit(&["-b", "127.0.0.1:1"]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.errors.contains("127.0.0.1:1 (--bootstrap-server)"), "{audit:?}");
}

/// Makes a topic of one partition in the shared Apache Kafka.
async fn apache_topic(settings: &'static [(&str, &str)]) -> (&'static str, String) {
    let topic = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let name = topic.clone();
    let made = tokio::task::spawn_blocking(move || {
        let kafka = ApacheKafka::shared();
        kafka.create_topic(&name, 1, settings).unwrap();
        kafka.plaintext.as_str()
    });
    (made.await.unwrap(), topic)
}

/// As the producer of a stack on AWS is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_user_who_may_read_the_topic_and_be_in_no_group_may_audit_it() {
    let (servers, topic) = apache_topic(&[]).await;
    let stored = of_topic(&topic, [0..10, 20..30]).await;
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
        stored.audit(&[&["-b", &kafka.sasl_ssl, "--config", config], &STRANGER[..]].concat())
    });
    let audit = audit.await.unwrap();
    assert_eq!(audit.found("missing"), [found(10, 19, &[])], "{audit:?}");
    assert_eq!(audit.row(0)["broker"], json!({"low": 0, "high": 35, "lag": 5}));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn transaction_markers_and_aborted_records_were_never_there_to_be_stored() {
    let (servers, topic) = apache_topic(&[]).await;
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", servers).set("transactional.id", &topic).create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    for (count, is_kept) in [(10, true), (10, true), (5, false), (10, true)] {
        producer.begin_transaction().unwrap();
        for _ in 0..count {
            producer.send(BaseRecord::<(), str>::to(&topic).payload("{}")).unwrap();
        }
        producer.flush(WAIT).unwrap();
        if is_kept {
            producer.commit_transaction(WAIT).unwrap();
        } else {
            producer.abort_transaction(WAIT).unwrap();
        }
    }
    // 10, 21, 27 and 38 are markers, 22 to 26 were aborted. One object more was lost.
    let read = kafka::read(servers, &topic, 30).unwrap();
    let offsets: Vec<i64> = read.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [0..10, 11..21, 28..38].into_iter().flatten().collect::<Vec<_>>());
    let stored = of_topic(&topic, [0..10, 11..21, 28..38]).await;
    let alone = stored.audit(&[]);
    alone.is(FOUND, &["missing"], &["--bootstrap-server the audit shows"]);
    assert_eq!(alone.found("missing"), [found(10, 10, &[]), found(21, 27, &[])]);
    let audit = stored.audit(&["-b", servers]);
    audit.is(0, &["not delivered"], &["nothing missing, no duplicates", "transaction markers"]);
    assert_eq!(audit.found("not delivered"), [found(10, 10, &[]), found(21, 27, &[])]);
    assert_eq!(audit.row(0)["not_delivered"], 8);

    let stored = of_topic(&topic, [0..10, 28..38]).await;
    let audit = stored.audit(&["-b", servers]);
    audit.is(FOUND, &["missing", "not delivered"], &[]);
    assert_eq!(audit.found("missing"), [found(11, 20, &[])]);
    // What a ledger declares was never there, either.
    stored.ledger(0, &Ledger { gaps: std::iter::once(10..28).collect(), ..stored.reaching(38) });
    let audit = stored.audit(&["-b", servers]);
    assert_eq!(audit.found("declared by the ledger"), [found(11, 20, &[])]);
    assert_eq!(audit.found("not delivered"), [found(10, 10, &[]), found(21, 27, &[])]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn what_compaction_has_removed_is_not_missed() {
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
    let left = loop {
        // A new record ends the segment before it, which can be compacted then.
        send("end");
        std::thread::sleep(Duration::from_millis(500));
        let left = kafka::read_to_end(servers, &topic).unwrap();
        if left.iter().filter(|offset| **offset < 40).count() == 2 {
            break left;
        }
        assert!(Instant::now() < limit, "not compacted: {left:?}");
    };
    let last = *left.last().unwrap();
    let stored = of_topic(&topic, left.iter().map(|offset| *offset..*offset + 1)).await;
    let from_first = ["--from-first"];
    assert_eq!(stored.audit(&from_first).code, Some(FOUND));
    let audit = stored.audit(&["-b", servers]);
    audit.is(0, &["not delivered"], &["nothing missing"]);
    let row = audit.row(0);
    assert_eq!(row["not_delivered"], last + 1 - i64::try_from(left.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn what_the_broker_has_removed_stays_missing_and_what_is_before_the_first_is_let_be() {
    let broker = TestBroker::apache(1).await.unwrap();
    broker.send(0, values(300)).await.unwrap();
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let mut until = TopicPartitionList::new();
    until.add_partition_offset(&broker.topic, 0, Offset::Offset(150)).unwrap();
    admin.delete_records(&until, &AdminOptions::new()).await.unwrap();
    let stored = of_topic(&broker.topic, [50..100, 110..120, 130..140, 160..300]).await;
    stored.ledger(0, &Ledger { gaps: std::iter::once(100..110).collect(), ..stored.reaching(300) });
    let audit = stored.audit(&["-b", broker.servers()]);
    let told = "the broker has removed them, so what they were is unknown";
    audit.is(FOUND, &["declared by the ledger", "missing", "unknown"], &[told]);
    assert_eq!(audit.found("unknown"), [found(0, 49, &[])]);
    assert_eq!(audit.found("declared by the ledger"), [found(100, 109, &[])]);
    assert_eq!(audit.found("missing"), [found(120, 129, &[]), found(140, 149, &[]), found(150, 159, &[])]);
    assert_eq!(audit.row(0)["broker"], json!({"low": 150, "high": 300, "lag": 0}));
    let stored = of_topic(&broker.topic, [160..200, 200..300]).await;
    let audit = stored.audit(&["-b", broker.servers()]);
    audit.is(FOUND, &["missing before the first", "unknown"], &["the broker still delivers them"]);
    stored.batch(0, 150..160).await;
    stored.ledger(0, &stored.reaching(300));
    stored.audit(&["-b", broker.servers()]).is(0, &["unknown"], &["nothing missing"]);
}
