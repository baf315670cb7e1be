//! Rows that arrive long after an earlier run has ended, or while it still runs.

use tickerlake_tests::apache_kafka::ApacheKafka;

use super::*;

tickerlake_tests::on_both_brokers! {
    a_row_that_arrives_during_the_wait_is_not_sent_again, 1;
    a_row_that_arrives_after_the_wait_is_reported_at_the_end, 1;
}

async fn a_row_that_arrives_during_the_wait_is_not_sent_again(broker: TestBroker) {
    let feed = Feed { wait: 10, ..Feed::of(&broker, 20_000, &[]) };
    feed.interrupted(&["--rate", "5000"]);
    let landed = feed.held() as u64;
    let pending = Pending::of(&feed, 1);
    let mut resumed = Running::start(&mut feed.resumed(&[])).unwrap();
    resumed.wait_for_line("reading topic", WAIT).unwrap();
    // The row may arrive before or after the topic has been read; it was not in the topic at the end of the earlier
    // run.
    std::thread::sleep(Duration::from_secs(3));
    pending.arrives(&broker).await;
    let summary: Value = serde_json::from_str(&resumed.wait_for_line("\"already\"", WAIT).unwrap()).unwrap();
    assert_eq!(resumed.wait_for_exit(WAIT).unwrap(), Some(0));
    assert_eq!(counts(&summary), [20_000, landed + 1, 19_999 - landed, 0]);
    feed.holds_each_row_once(0);
}

async fn a_row_that_arrives_after_the_wait_is_reported_at_the_end(broker: TestBroker) {
    let feed = Feed::of(&broker, 2_000, &[]);
    feed.interrupted(&["--rate", "500"]);
    let pending = Pending::of(&feed, 1);
    let mut resumed = feed.started(&["--rate", "500"]);
    pending.arrives(&broker).await;
    let error = resumed.wait_for_line("error: ", WAIT).unwrap();
    assert_eq!(resumed.wait_for_exit(WAIT).unwrap(), Some(1));
    assert!(error.contains(&format!("topic `{}` holds 1 duplicate row", feed.topic)), "{error}");
    assert!(error.contains("--resume-wait") && error.contains("partition 0"), "{error}");
    assert_eq!(feed.held(), 2_001, "the topic holds all rows, one of them twice");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_second_run_of_a_running_feed_is_an_error() {
    let broker = TestBroker::apache(1).await.unwrap();
    let feed = Feed::of(&broker, 20_000, &[]);
    let first = feed.started(&["--rate", "100"]);
    let held = feed.held();
    let mut second = Running::start(&mut feed.resumed(&[])).unwrap();
    let error = second.wait_for_line("error: ", WAIT).unwrap();
    assert_eq!(second.wait_for_exit(WAIT).unwrap(), Some(1));
    assert!(error.contains("another producer is feeding it"), "{error}");
    assert!(feed.held() > held, "the first feed continues");
    drop(first);
    assert_eq!(counts(&feed.completed(&[]))[0], 20_000);
    feed.holds_each_row_once(0);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_stalled_broker_restarts_the_wait() {
    let kafka = ApacheKafka::start().unwrap();
    kafka.create_topic("quotes", 3, &[]).unwrap();
    let feed = Feed { wait: 4, ..Feed::to(&kafka.plaintext, "quotes", 20_000, &[]) };
    feed.interrupted(&["--rate", "5000"]);
    let landed = feed.held();
    let mut resumed = Running::start(&mut feed.resumed(&[])).unwrap();
    resumed.wait_for_line("reading topic", WAIT).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    kafka.suspend().unwrap();
    std::thread::sleep(Duration::from_secs(7));
    assert!(resumed.wait_for_exit(Duration::ZERO).is_err(), "it must wait");
    let stalled_until = Instant::now();
    kafka.resume().unwrap();
    let until = stalled_until + WAIT;
    while feed.held() == landed {
        assert!(Instant::now() < until, "nothing was delivered");
    }
    assert!(stalled_until.elapsed() >= Duration::from_secs(4), "{:?}", stalled_until.elapsed());
    assert_eq!(resumed.wait_for_exit(WAIT).unwrap(), Some(0));
    feed.holds_each_row_once(0);
}
