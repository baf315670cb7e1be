//! Tests feeds of files in a temporary folder, in each order and at each pace.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::cli::args::{FeedArgs, OrderArg, Repeat};
use crate::report::progress::Snapshot;
use crate::test_feed::{A, B, TestFeed};

#[test]
fn files_are_sent_one_after_the_other() {
    assert_eq!(TestFeed::new(&[A, B]).quotes(), ["A 2026-01-01", "A 2026-01-03", "B 2026-01-01", "B 2026-01-02"]);
}

#[test]
fn rows_of_all_files_are_sorted_by_date() {
    let mut test = TestFeed::new(&[A, B]);
    test.args.order = OrderArg::Date;
    assert_eq!(test.quotes(), ["A 2026-01-01", "B 2026-01-01", "B 2026-01-02", "A 2026-01-03"]);
}

#[test]
fn a_given_symbol_is_used_for_every_file() {
    let mut test = TestFeed::new(&[("a.csv", "Date,Open\n2026-01-02,1\n"), ("b.csv", "Open,Date\n1,2026-01-01\n")]);
    test.args.symbol = Some("AAPL".to_owned());
    assert_eq!(test.quotes(), ["AAPL 2026-01-02", "AAPL 2026-01-01"]);
    test.args.order = OrderArg::Date;
    assert_eq!(test.quotes(), ["AAPL 2026-01-01", "AAPL 2026-01-02"]);
}

#[test]
fn a_seed_repeats_the_sample() {
    let mut test = TestFeed::new(&[A, B]);
    test.args = FeedArgs { order: OrderArg::Sample, seed: Some(7), repeat: Repeat::Times(50), ..test.args };
    let drawn = test.quotes();
    assert_eq!(drawn.len(), 4 * 50);
    assert_eq!(drawn, test.quotes());
    assert!(
        ["A 2026-01-01", "A 2026-01-03", "B 2026-01-01", "B 2026-01-02"]
            .iter()
            .all(|one| drawn.contains(&(*one).to_owned()))
    );
    test.args.seed = Some(8);
    assert_ne!(drawn, test.quotes());
}

#[test]
fn a_repeated_pass_records_its_rejects_once() {
    let mut test = TestFeed::new(&[("x.csv", "Symbol,Date\nA,2026-01-01\nA\n")]);
    test.args.repeat = Repeat::Times(3);
    let (summary, lines) = test.run().expect("a run");
    assert_eq!((summary.read, summary.rejected, lines.len()), (6, 3, 3));
    assert_eq!(test.rejects("x.csv.rejects.csv").map(|text| text.lines().count()), Some(2));
}

#[test]
fn repeating_no_quotes_forever_ends() {
    for order in [OrderArg::File, OrderArg::Date, OrderArg::Sample] {
        let mut test = TestFeed::new(&[("x.csv", "Symbol,Date\n")]);
        test.args = FeedArgs { order, repeat: Repeat::Forever, ..test.args };
        assert_eq!(test.run().expect("a run").0.printed, 0);
    }
}

#[test]
fn a_feed_of_which_most_rows_fail_sends_nothing() {
    let rows = |good: usize, bad: usize| {
        let rows = ["A,2026-01-01,x\n".repeat(bad), "A,2026-01-01,1\n".repeat(good)].concat();
        TestFeed::new(&[("x.csv", &format!("Symbol,Date,Close\n{rows}"))])
    };
    let mut test = rows(49, 1_000);
    test.args.numeric = vec!["close".to_owned()];
    let message = test.run().expect_err("stopped").to_string();
    assert!(message.contains("x.csv: none of the first 100 rows is a quote"), "{message}");
    assert!(message.contains("line 2: close is not a number: x"), "{message}");
    assert_eq!(test.progress.snapshot().sent, 0);
    assert_eq!(rows(51, 49).run().expect("to the end").0.rejected, 49);
}

#[test]
fn a_growing_file_is_sent_until_a_shutdown() {
    let mut test = TestFeed::new(&[("a.csv", "Symbol,Date,Close\n")]);
    test.args.follow = true;
    let path = test.args.files[0].clone();
    let (progress, shutdown) = (test.progress.clone(), test.shutdown.clone());
    let until = |done: &dyn Fn(&Snapshot) -> bool| {
        let limit = Instant::now() + Duration::from_secs(20);
        while !done(&progress.snapshot()) {
            assert!(Instant::now() < limit, "{:?}", progress.snapshot());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let append = |text: &str| {
        let file = OpenOptions::new().append(true).open(&path);
        file.expect("opened").write_all(text.as_bytes()).expect("written");
    };
    let (summary, lines) = std::thread::scope(|scope| {
        let feed = scope.spawn(|| test.run());
        append("A,2026-01-01,1\n");
        until(&|now| now.sent == 1);
        append("A,2026-01-02,\"2\nA,2026-01-03");
        std::thread::sleep(Duration::from_secs(1));
        append(",3\n\"\nB,2026-01-04,4\nB,2026-01-05\n");
        until(&|now| now.rejected == 2);
        std::fs::write(&path, "Date,Symbol\n2026-01-06,C\n").expect("written");
        until(&|now| now.sent == 3);
        shutdown.cancel();
        feed.join().expect("no panic")
    })
    .expect("a run");
    assert_eq!((summary.read, summary.printed, summary.rejected, summary.exit_code()), (5, 3, 2, 3));
    let expected = r#"{"symbol":"B","trade_date":"2026-01-04","bar":"1d","close":4}"#;
    assert_eq!((lines[1].as_str(), lines.len()), (expected, 3));
    let notices = test.progress.take_notices().join("\n");
    for part in ["line 3 opens a quote that is not closed yet", "a.csv has become shorter"] {
        assert!(notices.contains(part), "{notices}");
    }
}

#[test]
fn a_file_that_has_begun_does_not_show_its_bars() {
    let notices = |rows: &str, bar: Option<&str>| {
        let text = format!("Symbol,Date,Open,High,Low,Close\n{rows}");
        let mut test = TestFeed::new(&[("a.csv", &text)]);
        test.args = FeedArgs { follow: true, bar: bar.map(str::to_owned), ..test.args };
        let (progress, shutdown) = (test.progress.clone(), test.shutdown.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while progress.snapshot().sent == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
                shutdown.cancel();
            });
            test.run().expect("a run");
        });
        test.progress.take_notices().join("\n")
    };
    let warning = "the bar length 1d is a guess, based on 1 row; set it with --bar";
    assert!(notices("A,2026-01-01,1,1,1,1\n", None).contains(warning));
    assert!(!notices("A,2026-01-01,1,1,1,1\n", Some("1w")).contains("guess"));
    assert!(!notices("A,2026-01-01,1,1,1,1\nA,2026-01-02,1,1,1,1\nA,2026-01-05,1,1,1,1\n", None).contains("guess"));
}

#[test]
fn a_rate_delays_the_feed() {
    let mut test = TestFeed::new(&[A, B]);
    test.args.rate = Some(50.0);
    let (summary, lines) = test.run().expect("a run");
    assert_eq!(lines.len(), 4);
    assert!(summary.seconds >= 0.06, "{}", summary.seconds);
}
