//! Feeds that are killed or interrupted, and continue in the next run.

use uuid::Uuid;

use super::*;

tickerlake_tests::on_both_brokers! {
    every_row_is_in_the_topic_once_after_many_kills, 3;
    ctrl_c_during_the_wait_sends_nothing, 2;
    a_run_after_ctrl_c_delivers_the_rest, 3;
    a_feed_in_any_order_continues_in_that_order, 2;
    made_rows_continue_in_the_middle_of_a_bar, 2;
    records_of_others_are_passed_over, 2;
    a_symbol_has_the_same_partition_with_and_without_resume, 7;
    a_resumed_feed_keeps_its_rate_from_the_first_sent_row, 1;
    a_partition_far_ahead_does_not_slow_the_feed, 2;
}

const ROWS: usize = 300_000;

async fn every_row_is_in_the_topic_once_after_many_kills(broker: TestBroker) {
    let kills = if broker.is_apache() { 20 } else { 4 };
    let feed = Feed { wait: 5, ..Feed::of(&broker, ROWS, &[]) };
    let mut landed = 0;
    for kill in 0..kills {
        let mut running = feed.started(&["--rate", "10000"]);
        std::thread::sleep(Duration::from_millis((Uuid::new_v4().as_u128() % 300) as u64));
        assert!(running.wait_for_exit(Duration::ZERO).is_err(), "kill {kill} must be in the middle of the file");
        // Dropping the value kills the program, like `kill -9`.
        drop(running);
        assert!(feed.held() > landed, "kill {kill} came before the first row");
        landed = feed.held();
    }
    assert!(landed < ROWS as i64);
    let [read, already, delivered, rejected] = counts(&feed.completed(&[]));
    assert_eq!((read, already + delivered, rejected), (ROWS as u64, ROWS as u64, 0));
    assert!(already >= landed as u64);
    feed.holds_each_row_once(0);
}

async fn ctrl_c_during_the_wait_sends_nothing(broker: TestBroker) {
    let feed = Feed { wait: 3_600, ..Feed::of(&broker, 10, &[]) };
    let mut running = Running::start(&mut feed.resumed(&[])).unwrap();
    running.wait_for_line("reading topic", WAIT).unwrap();
    assert_eq!(running.interrupt(WAIT).unwrap(), Some(130));
    assert_eq!(feed.held(), 0);
}

async fn a_run_after_ctrl_c_delivers_the_rest(broker: TestBroker) {
    let feed = Feed::of(&broker, 0, &[]);
    let rows = (0..20_000).map(|number| if number % 1_000 == 500 { "S0,never,1".to_owned() } else { row(number) });
    feed.write("rows.csv", &table(rows));
    feed.interrupted(&["--rate", "5000"]);
    feed.interrupted(&["--rate", "5000"]);
    let landed = feed.held();

    let output = feed.resumed(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "rows were rejected: {output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&summary), [20_000, landed as u64, 19_980 - landed as u64, 20]);
    let rejects = std::fs::read_to_string(feed.path("rows.csv.rejects.csv")).unwrap();
    let lines: Vec<&str> = rejects.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let expected: Vec<String> = (0..20).map(|thousand| (thousand * 1_000 + 502).to_string()).collect();
    assert_eq!(lines, expected);
    feed.holds_each_row_once(0);

    let output = feed.bare(&["--resume", "-b", &feed.servers, "-t", &feed.topic]).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        stdout.starts_with("20,000 rows read, 19,980 already in the topic, 0 delivered, 20 rejected, 0 blank"),
        "{stdout}"
    );
    feed.holds_each_row_once(0);
}

async fn made_rows_continue_in_the_middle_of_a_bar(broker: TestBroker) {
    let feed = Feed::of(&broker, 0, &["--simulate", "ticks:20", "--order", "date", "bars.csv"]);
    let bar = |n: usize| {
        let day = n / SYMBOLS;
        let (month, day) = (day / 28 + 1, day % 28 + 1);
        format!("S{},2020-{month:02}-{day:02},{},{},{n},{},{}\n", n % SYMBOLS, n + 1, n + 3, n + 2, n + 1_000)
    };
    let bars: String = (0..1_000).map(bar).collect();
    feed.write("bars.csv", &format!("Symbol,Date,Open,High,Low,Close,Volume\n{bars}"));
    feed.interrupted(&["--rate", "4000"]);
    let landed = feed.held() as u64;
    // The summary counts the file's rows as read, but the simulated rows as delivered or already in the topic.
    assert_eq!(counts(&feed.completed(&[])), [1_000, landed, 20_000 - landed, 0]);
    feed.holds_each_row_once(0);
}

async fn a_feed_in_any_order_continues_in_that_order(broker: TestBroker) {
    for (at, arguments) in [
        &["--order", "date", "a.csv", "b.csv"][..],
        &["--order", "sample", "--seed", "7", "--repeat", "2", "a.csv", "b.csv"],
        &["--repeat", "3", "a.csv", "b.csv"],
    ]
    .into_iter()
    .enumerate()
    {
        // A topic may hold several feeds.
        let feed = Feed::of(&broker, 0, arguments);
        let dated = |start: usize| {
            let row = move |n: usize| format!("F{at}S{},19{:02}-01-01,{n}", n % SYMBOLS, (n * 31 + start) % 90 + 10);
            (start..start + 5_000).map(row)
        };
        feed.write("a.csv", &table(dated(0)));
        feed.write("b.csv", &table(dated(5_000)));
        let before = feed.held();
        feed.interrupted(&["--rate", "4000"]);
        let expected = feed.expected();
        assert!(feed.held() < before + expected.len() as i64);
        let [read, already, delivered, _] = counts(&feed.completed(&[]));
        assert_eq!((read, already + delivered), (expected.len() as u64, expected.len() as u64));
        assert!(already > 0 && delivered > 0);
        let all = expected.len() as u64;
        assert_eq!(counts(&feed.completed(&[])), [all, all, 0, 0], "{arguments:?}");
        let own: Vec<Consumed> =
            feed.landed(0).into_iter().filter(|record| record.key.starts_with(&format!("F{at}"))).collect();
        assert_eq!(own.len(), expected.len(), "{arguments:?}");
        for partition in 0..2 {
            let landed = own.iter().filter(|record| record.partition == partition).map(|record| &record.value);
            let keys: Vec<&String> =
                own.iter().filter(|record| record.partition == partition).map(|record| &record.key).collect();
            let sent = expected.iter().filter(|record| {
                let value: Value = serde_json::from_str(record).unwrap();
                keys.iter().any(|key| **key == value["symbol"].as_str().unwrap())
            });
            assert!(landed.eq(sent), "{arguments:?}, partition {partition}");
        }
    }
}

async fn records_of_others_are_passed_over(broker: TestBroker) {
    let feed = Feed::of(&broker, 20_000, &[]);
    let others = |count| std::iter::repeat_n(None, count);
    for partition in 0..2 {
        broker.send(partition, others(100)).await.unwrap();
    }
    feed.interrupted(&["--rate", "5000"]);
    for partition in 0..2 {
        // More than the first block that is read back.
        broker.send(partition, others(7_000)).await.unwrap();
    }
    let mut running = feed.started(&["--rate", "5000"]);
    broker.send(0, others(100)).await.unwrap();
    running.interrupt(WAIT).unwrap();
    broker.send(1, others(100)).await.unwrap();
    let [_, already, delivered, _] = counts(&feed.completed(&[]));
    assert_eq!(already + delivered, 20_000);
    feed.holds_each_row_once(2 * 7_100 + 200);
}

async fn a_symbol_has_the_same_partition_with_and_without_resume(broker: TestBroker) {
    let feed = Feed::of(&broker, 0, &[]);
    let names: Vec<String> =
        (0..500).map(|n| format!("{}{n}", ["A", "BRK B", "börse", "S"][n % 4].repeat(n % 7 + 1))).collect();
    feed.write("rows.csv", &table(names.iter().map(|name| format!("{name},2020-01-01,1"))));
    let output = feed.bare(&["-b", &feed.servers, "-t", &feed.topic]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    feed.completed(&[]);
    let mut partitions: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for record in feed.landed(0) {
        partitions.entry(record.key).or_default().push(record.partition);
    }
    assert_eq!(partitions.len(), names.len());
    assert!(partitions.values().all(|both| both.len() == 2 && both[0] == both[1]), "{partitions:?}");
}

async fn a_resumed_feed_keeps_its_rate_from_the_first_sent_row(broker: TestBroker) {
    // One day takes one second, and thirty years lie between the rows that are already in the topic and the others.
    let feed = Feed::of(&broker, 0, &[]);
    let old = (0..100).map(|n| format!("A{n},1990-01-01,{n}"));
    feed.write("rows.csv", &table(old.chain((1..=3).map(|day| format!("A,2020-01-0{day},1")))));
    let mut running = feed.started_until(100, &["--speed", "86400"]);
    assert_eq!(running.interrupt(WAIT).unwrap(), Some(130));
    let mut resumed = feed.started(&["--speed", "86400"]);
    let summary: Value = serde_json::from_str(&resumed.wait_for_line("\"already\"", WAIT).unwrap()).unwrap();
    assert_eq!(counts(&summary), [103, 100, 3, 0]);
    assert!(summary["seconds"].as_f64().unwrap() > 1.9, "the remaining days take their time: {summary}");
}

async fn a_partition_far_ahead_does_not_slow_the_feed(broker: TestBroker) {
    let feed = Feed::of(&broker, 4_000, &[]);
    feed.interrupted(&["--rate", "200"]);
    // Only the rate matters here, although the partition has not really reached this row.
    Pending::of(&feed, 2_500).arrives(&broker).await;
    let mut resumed = Running::start(&mut feed.resumed(&["--rate", "2000"])).unwrap();
    let summary: Value = serde_json::from_str(&resumed.wait_for_line("\"already\"", WAIT).unwrap()).unwrap();
    let [read, already, delivered, _] = counts(&summary);
    assert_eq!((read, already + delivered), (4_000, 4_000));
    assert!(already > 500 && delivered > 500, "{summary}");
}
