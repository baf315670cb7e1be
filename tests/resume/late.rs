//! Rows that land when an earlier run is long gone, or not gone at all.

use tickerlake_tests::apache_kafka::ApacheKafka;

use super::*;

tickerlake_tests::on_both_brokers! {
    a_row_that_lands_during_the_wait_is_not_sent_again, 1;
    a_row_that_lands_after_the_wait_is_told_at_the_end, 1;
}

async fn a_row_that_lands_during_the_wait_is_not_sent_again(broker: TestBroker) {
    let feed = Feed { wait: 10, ..Feed::of(&broker, 20_000, &[]) };
    feed.interrupted(&["--rate", "5000"]);
    let landed = feed.held() as u64;
    let pending = Pending::of(&feed, 1);
    let mut resumed = Running::start(&mut feed.resumed(&[])).unwrap();
    resumed.line("reading back", WAIT).unwrap();
    // Whether it lands before or after the topic was read does not matter; it was not there at the end of the last run.
    std::thread::sleep(Duration::from_secs(3));
    pending.lands(&broker).await;
    let summary: Value = serde_json::from_str(&resumed.line("\"already\"", WAIT).unwrap()).unwrap();
    assert_eq!(resumed.ended(WAIT).unwrap(), Some(0));
    assert_eq!(counts(&summary), [20_000, landed + 1, 19_999 - landed, 0]);
    feed.holds_each_row_once(0);
}

async fn a_row_that_lands_after_the_wait_is_told_at_the_end(broker: TestBroker) {
    let feed = Feed::of(&broker, 2_000, &[]);
    feed.interrupted(&["--rate", "500"]);
    let pending = Pending::of(&feed, 1);
    let mut resumed = feed.started(&["--rate", "500"]);
    pending.lands(&broker).await;
    let told = resumed.line("error: ", WAIT).unwrap();
    assert_eq!(resumed.ended(WAIT).unwrap(), Some(1));
    assert!(told.contains(&format!("rows are in topic `{}` twice, 1 in all", feed.topic)), "{told}");
    assert!(told.contains("--resume-wait") && told.contains("partition 0"), "{told}");
    assert_eq!(feed.held(), 2_001, "all are there, one twice");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn a_second_run_of_a_feed_that_is_under_way_is_told_to_stop_the_first() {
    let broker = TestBroker::apache(1).await.unwrap();
    let feed = Feed::of(&broker, 20_000, &[]);
    let first = feed.started(&["--rate", "100"]);
    let held = feed.held();
    let mut second = Running::start(&mut feed.resumed(&[])).unwrap();
    let told = second.line("error: ", WAIT).unwrap();
    assert_eq!(second.ended(WAIT).unwrap(), Some(1));
    assert!(told.contains("another producer is feeding it"), "{told}");
    assert!(feed.held() > held, "the first goes on");
    drop(first);
    assert_eq!(counts(&feed.completed(&[]))[0], 20_000);
    feed.holds_each_row_once(0);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_broker_that_stalls_makes_the_wait_begin_anew() {
    let kafka = ApacheKafka::start().unwrap();
    kafka.create_topic("quotes", 3, &[]).unwrap();
    let feed = Feed { wait: 4, ..Feed::to(&kafka.plaintext, "quotes", 20_000, &[]) };
    feed.interrupted(&["--rate", "5000"]);
    let landed = feed.held();
    let mut resumed = Running::start(&mut feed.resumed(&[])).unwrap();
    resumed.line("reading back", WAIT).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    kafka.stall().unwrap();
    std::thread::sleep(Duration::from_secs(7));
    assert!(resumed.ended(Duration::ZERO).is_err(), "it was to wait");
    let stalled_until = Instant::now();
    kafka.go_on().unwrap();
    let until = stalled_until + WAIT;
    while feed.held() == landed {
        assert!(Instant::now() < until, "nothing was delivered");
    }
    assert!(stalled_until.elapsed() >= Duration::from_secs(4), "{:?}", stalled_until.elapsed());
    assert_eq!(resumed.ended(WAIT).unwrap(), Some(0));
    feed.holds_each_row_once(0);
}
