//! Rows of an earlier run that arrive late, and earlier runs that still feed.

use tickerlake_tests::apache_kafka::ApacheKafka;

use super::*;

tickerlake_tests::on_both_brokers! {
    row_that_arrives_during_the_wait_is_not_sent_again, 1;
    row_that_arrives_after_the_wait_is_reported, 1;
}

async fn row_that_arrives_during_the_wait_is_not_sent_again(broker: TestBroker) {
    let feed = Feed { wait: 10, ..Feed::of(&broker, 20_000, &[]) };
    feed.interrupt_mid_file(&["--rate", "5000"]);
    let delivered = feed.records_in_topic() as u64;
    let in_flight = InFlight::of(&feed, 1);
    let mut resumed = Running::start(&mut feed.resume_command(&[])).unwrap();
    resumed.line("reading back", WAIT).unwrap();
    // The row may arrive before or after the topic is read: at the end of the last run it was not in the topic.
    std::thread::sleep(Duration::from_secs(3));
    in_flight.deliver(&broker).await;
    let summary: Value = serde_json::from_str(&resumed.line("\"already\"", WAIT).unwrap()).unwrap();
    assert_eq!(resumed.ended(WAIT).unwrap(), Some(0));
    assert_eq!(counts(&summary), [20_000, delivered + 1, 19_999 - delivered, 0]);
    feed.assert_each_row_once(0);
}

async fn row_that_arrives_after_the_wait_is_reported(broker: TestBroker) {
    let feed = Feed::of(&broker, 2_000, &[]);
    feed.interrupt_mid_file(&["--rate", "500"]);
    let in_flight = InFlight::of(&feed, 1);
    let mut resumed = feed.start(&["--rate", "500"]);
    in_flight.deliver(&broker).await;
    let error = resumed.line("error: ", WAIT).unwrap();
    assert_eq!(resumed.ended(WAIT).unwrap(), Some(1));
    assert!(error.contains(&format!("rows are in topic `{}` twice, 1 in all", feed.topic)), "{error}");
    assert!(error.contains("--resume-wait") && error.contains("partition 0"), "{error}");
    assert_eq!(feed.records_in_topic(), 2_001, "every row is delivered, one of them twice");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn second_concurrent_run_of_a_feed_is_rejected() {
    let broker = TestBroker::apache(1).await.unwrap();
    let feed = Feed::of(&broker, 20_000, &[]);
    let first = feed.start(&["--rate", "100"]);
    let before = feed.records_in_topic();
    let mut second = Running::start(&mut feed.resume_command(&[])).unwrap();
    let error = second.line("error: ", WAIT).unwrap();
    assert_eq!(second.ended(WAIT).unwrap(), Some(1));
    assert!(error.contains("another producer is feeding it"), "{error}");
    assert!(feed.records_in_topic() > before, "the first run continues");
    drop(first);
    assert_eq!(counts(&feed.complete(&[]))[0], 20_000);
    feed.assert_each_row_once(0);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn stalled_broker_restarts_the_wait() {
    let kafka = ApacheKafka::start().unwrap();
    kafka.create_topic("quotes", 3, &[]).unwrap();
    let feed = Feed { wait: 4, ..Feed::to(&kafka.plaintext, "quotes", 20_000, &[]) };
    feed.interrupt_mid_file(&["--rate", "5000"]);
    let delivered = feed.records_in_topic();
    let mut resumed = Running::start(&mut feed.resume_command(&[])).unwrap();
    resumed.line("reading back", WAIT).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    kafka.stall().unwrap();
    std::thread::sleep(Duration::from_secs(7));
    assert!(resumed.ended(Duration::ZERO).is_err(), "the run must still wait");
    let stalled_until = Instant::now();
    kafka.go_on().unwrap();
    let until = stalled_until + WAIT;
    while feed.records_in_topic() == delivered {
        assert!(Instant::now() < until, "no row was delivered");
    }
    assert!(stalled_until.elapsed() >= Duration::from_secs(4), "{:?}", stalled_until.elapsed());
    assert_eq!(resumed.ended(WAIT).unwrap(), Some(0));
    feed.assert_each_row_once(0);
}
