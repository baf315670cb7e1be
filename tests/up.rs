//! `tickerlake up` together with producers, queries, triggers and kcat.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lake_format::field_names::FieldNames;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tempfile::TempDir;
use tickerlake_tests::programs::{Running, part, program};
use tickerlake_tests::{lake, workspace};

pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// Starts `tickerlake up` on free ports with its lake in `folder/lake`, and returns the process and the broker's
/// address.
pub(crate) fn up(folder: &Path, arguments: &[&str]) -> (Running, String) {
    let mut command = Command::new(program("tickerlake").unwrap());
    command.args(["up", "--port", "0", "--s3-port", "0"]).args(arguments).current_dir(folder);
    let mut up = Running::start(&mut command).unwrap();
    let line = up.wait_for_line("broker ", WAIT).unwrap();
    let servers = line.split_whitespace().nth(1).unwrap().trim_end_matches(',').to_owned();
    up.wait_for_line("press Ctrl-C to stop", WAIT).unwrap();
    (up, servers)
}

fn query(folder: &Path, sql: &str) -> String {
    let output = Command::new(program("tickerlake").unwrap())
        .args(["query", "--format", "csv", sql])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap_or_default().to_owned()
}

/// Repeats `ask` until it returns `expected`.
fn until(expected: &str, mut ask: impl FnMut() -> String) {
    let limit = Instant::now() + WAIT;
    loop {
        let answer = ask();
        if answer == expected {
            return;
        }
        assert!(Instant::now() < limit, "{answer:?} is still not {expected:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn records_sent_to_up_can_be_queried() {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &[]);
    let sample = workspace().join("data/us-stocks-sample.csv");
    let rows = std::fs::read_to_string(&sample).unwrap().lines().count() - 1;
    let produced = Command::new(program("producer").unwrap()).args(["-b", &servers]).arg(sample).output().unwrap();
    assert_eq!(produced.status.code(), Some(0), "{produced:?}");
    until(&rows.to_string(), || query(folder.path(), "SELECT count(*) FROM quotes"));
    up.wait_for_line("stored", WAIT).unwrap();

    let second = Command::new(program("tickerlake").unwrap()).arg("run").current_dir(folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "a lake has one writer at a time: {second:?}");
    assert!(String::from_utf8_lossy(&second.stderr).contains("--dir"), "{second:?}");

    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(
        query(folder.path(), "SELECT count(*) FROM quotes"),
        rows.to_string(),
        "the lake remains after the end of `up`"
    );
}

/// Feeds the sample into the broker.
fn feed(servers: &str) {
    let sample = workspace().join("data/us-stocks-sample.csv");
    let produced = Command::new(program("producer").unwrap()).args(["-b", servers]).arg(sample).output().unwrap();
    assert!(produced.status.success(), "{produced:?}");
}

/// Returns the last line of `tickerlake audit`.
fn audit(folder: &Path) -> String {
    let output = Command::new(program("tickerlake").unwrap()).arg("audit").current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn up_continues_after_a_kill() {
    let folder = TempDir::new().unwrap();
    for start in 1..=3 {
        let (mut up, servers) = up(folder.path(), &[]);
        feed(&servers);
        if start == 2 {
            until("2400", || query(folder.path(), "SELECT count(*) FROM quotes"));
        }
        up.kill().unwrap();
    }
    let (mut up, _) = up(folder.path(), &[]);
    until("3600", || query(folder.path(), "SELECT count(*) FROM quotes"));
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    let objects = lake::objects(&folder.path().join("lake/tickerlake")).unwrap();
    assert!(!objects.keys().any(|key| key.contains("/g1-")), "a start was a new generation: {objects:?}");
    let closing = audit(folder.path());
    assert!(closing.contains("3,600 stored") && closing.contains("no duplicates"), "{closing}");
}

#[test]
fn ephemeral_up_begins_a_new_generation() {
    let folder = TempDir::new().unwrap();
    for start in 1..=2_u64 {
        let (mut up, servers) = up(folder.path(), &["--ephemeral"]);
        feed(&servers);
        until(&(1200 * start).to_string(), || query(folder.path(), "SELECT count(*) FROM quotes"));
        assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    }
    let objects = lake::objects(&folder.path().join("lake/tickerlake")).unwrap();
    assert!(objects.keys().any(|key| key.contains("/g1-")), "{objects:?}");
    assert!(!folder.path().join("lake/broker").exists());
}

#[test]
fn records_that_a_function_did_not_store_are_stored_later() {
    let folder = TempDir::new().unwrap();
    let unreachable = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    let (mut without, servers) = up(folder.path(), &["--function", unreachable]);
    feed(&servers);
    without.kill().unwrap();
    let (mut up, _) = up(folder.path(), &[]);
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(query(folder.path(), "SELECT count(*) FROM quotes"), "1200");
}

#[test]
fn only_the_first_ctrl_c_waits_for_unstored_records() {
    let folder = TempDir::new().unwrap();
    let unreachable = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    let (mut up, servers) = up(folder.path(), &["--function", unreachable]);
    let sample = workspace().join("data/us-stocks-sample.csv");
    let produced = Command::new(program("producer").unwrap()).args(["-b", &servers]).arg(sample).output().unwrap();
    assert!(produced.status.success(), "{produced:?}");
    assert!(up.interrupt(Duration::from_millis(500)).is_err(), "`up` waits for the unstored records");
    let warning = up.wait_for_line("waiting for records in the broker that are not stored yet", WAIT).unwrap();
    assert!(warning.contains("records=1200"), "{warning}");
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(130));
}

#[test]
fn interrupted_producer_confirms_every_row_it_sent() {
    let folder = TempDir::new().unwrap();
    let (_up, servers) = up(folder.path(), &[]);
    let mut command = Command::new(program("producer").unwrap());
    command.args(["-b", &servers, "--order", "sample", "--rate", "50", "--repeat", "forever", "--format", "json"]);
    let mut producer = Running::start(command.arg(workspace().join("data/us-stocks-sample.csv"))).unwrap();
    until("true", || query(folder.path(), "SELECT count(*) > 0 FROM quotes"));
    producer.send_sigint().unwrap();
    assert_eq!(producer.interrupt(WAIT).unwrap(), Some(0));
    let summary: serde_json::Value = serde_json::from_str(&producer.wait_for_line("delivered", WAIT).unwrap()).unwrap();
    assert_eq!(summary["read"], summary["delivered"]);
    until(&summary["delivered"].to_string(), || query(folder.path(), "SELECT count(*) FROM quotes"));
}

#[test]
fn status_reports_lag_and_freshness() {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &[]);
    let csv = folder.path().join("a.csv");
    std::fs::write(&csv, "Symbol,Date,Close\nA,2020-01-02,1.5\nA,2020-01-03,2.5\n").unwrap();
    let produced = Command::new(program("producer").unwrap()).args(["-b", &servers]).arg(&csv).output().unwrap();
    assert!(produced.status.success(), "{produced:?}");
    let line = up.wait_for_line("stored     2 records", WAIT).unwrap();
    assert!(line.contains("1 object, ") && line.contains("; lag ") && line.contains("; newest sent "), "{line}");

    // The function is unreachable, so the records of a second consumer group remain unstored.
    let mut command = Command::new(program("tickerlake").unwrap());
    command.args(["trigger", "-b", &servers, "--consumer-group-id", "other", "--format", "json"]);
    command.args(["--function", "http://127.0.0.1:1/2015-03-31/functions/sink/invocations"]);
    let mut trigger = Running::start(&mut command).unwrap();
    trigger.wait_for_line(r#""type":"started""#, WAIT).unwrap();
    let line = trigger.wait_for_line(r#""lag":{"quotes/0":"#, WAIT).unwrap();
    let status: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&status["type"], &status["stored"]["records"]), (&"status".into(), &0.into()));
    let lag: u64 = status["lag"].as_object().unwrap().values().map(|lag| lag.as_u64().unwrap()).sum();
    assert_eq!(lag, 2, "{status}");
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_confirmed_during_shutdown_are_stored() {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &[]);
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", &servers).set("message.timeout.ms", "3000").create().unwrap();
    let feeding = tokio::spawn(async move {
        let mut confirmed = 0;
        let record = || FutureRecord::<(), _>::to("quotes").payload(r#"{"symbol":"A","trade_date":"2020-01-02"}"#);
        while producer.send(record(), Duration::ZERO).await.is_ok() {
            confirmed += 1;
        }
        confirmed
    });
    up.wait_for_line("stored     ", WAIT).unwrap();
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    let confirmed: usize = feeding.await.unwrap();
    let stored: usize = lake::objects(&folder.path().join("lake/tickerlake")).unwrap().values().map(Vec::len).sum();
    // The broker may have stored one record without confirming it.
    assert!(confirmed > 0 && (confirmed..=confirmed + 1).contains(&stored), "{confirmed} confirmed, {stored} stored");
}

/// Creates a topic, sends records to it, and waits until they are confirmed.
fn send(servers: &str, topic: &str, partitions: u32, records: u32) {
    let input = (0..records).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
        let new = NewTopic::new(topic, i32::try_from(partitions).unwrap(), TopicReplication::Fixed(1));
        client.create_topics(&[new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
        let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
        for line in input.lines() {
            producer.send(FutureRecord::<(), _>::to(topic).payload(line), WAIT).await.unwrap();
        }
    });
}

#[test]
fn topics_of_other_programs_are_stored() {
    let folder = TempDir::new().unwrap();
    let (mut first, servers) = up(folder.path(), &[]);
    send(&servers, "orders", 2, 10);
    first.wait_for_line("topic      orders with 2 partitions", WAIT).unwrap();
    first.wait_for_line("stored     10 records", WAIT).unwrap();
    // Sent too late to be seen before the end.
    send(&servers, "late", 1, 5);
    assert_eq!(first.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(query(folder.path(), "SELECT count(*) FROM late"), "5");

    let (mut second, servers) = up(folder.path(), &[]);
    delete(&servers, "orders");
    send(&servers, "orders", 1, 3);
    second.wait_for_line("stored     3 records", WAIT).unwrap();
    assert_eq!(second.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(query(folder.path(), "SELECT count(*) FROM orders WHERE kafka_generation = 1"), "3");
    assert_eq!(query(folder.path(), "SELECT count(*) FROM orders"), "13");
    let objects = lake::objects(&folder.path().join("lake/tickerlake")).unwrap();
    assert!(objects.keys().all(|key| !key.starts_with("quarantine/")), "{objects:?}");
}

#[test]
fn end_waits_for_a_topic_that_was_created_again() {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &["--ephemeral"]);
    send(&servers, "orders", 1, 10);
    up.wait_for_line("stored     10 records", WAIT).unwrap();
    delete(&servers, "orders");
    send(&servers, "orders", 1, 3);
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(query(folder.path(), "SELECT count(*) FROM orders WHERE kafka_generation = 1"), "3");
    assert_eq!(query(folder.path(), "SELECT count(*) FROM orders"), "13");
}

fn delete(servers: &str, topic: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
        client.delete_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    });
}

#[test]
fn topics_that_are_not_stored_are_counted_at_the_end() {
    let unreachable = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    for arguments in [&["--only-topic"][..], &["--function", unreachable]] {
        let folder = TempDir::new().unwrap();
        let (mut up, servers) = up(folder.path(), arguments);
        send(&servers, "orders", 1, 10);
        assert_eq!(up.interrupt(WAIT).unwrap(), Some(0), "{arguments:?}");
        up.wait_for_line("skipped    10 records of the topic orders remain in the broker", WAIT).unwrap();
        assert!(!folder.path().join("lake/tickerlake/data/orders").exists(), "{arguments:?}");
    }
}

/// Sends a record to a topic that does not exist, and returns whether the broker confirmed it.
async fn sends_to_new_topic(servers: &str, topic: &str) -> bool {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("message.timeout.ms", "5000");
    // Without this, the producer itself waits for the topic for 30 seconds.
    config.set("topic.metadata.propagation.max.ms", "1000");
    let producer: FutureProducer = config.create().unwrap();
    producer.send(FutureRecord::<(), _>::to(topic).payload("{}"), Duration::ZERO).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_creates_no_topic_by_default() {
    let folder = TempDir::new().unwrap();
    let (_up, servers) = up(folder.path(), &[]);
    assert!(!sends_to_new_topic(&servers, "demo_test").await);
    assert!(sends_to_new_topic(&servers, "quotes").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn up_creates_the_topic_of_a_producer_when_asked() {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &["--auto-create-topics"]);
    assert!(sends_to_new_topic(&servers, "demo_test").await);
    up.wait_for_line("topic      demo_test with 3 partitions", WAIT).unwrap();
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(query(folder.path(), "SELECT count(*) FROM demo_test"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn record_with_ambiguous_names_is_quarantined() {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &[]);
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
    for value in [r#"{"Close":1,"close":2}"#, r#"{"close":1}"#, r#"{"a":{"Close":1,"close":2}}"#] {
        producer.send(FutureRecord::<(), _>::to("quotes").payload(value), WAIT).await.unwrap();
    }
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(query(folder.path(), "SELECT count(*) FROM quotes"), "2");
    let reason = query(folder.path(), "SELECT min(replace(reason, '\"', '')) AS reason FROM quarantine");
    assert_eq!(reason, "\"field close is named like field Close, ignoring case\"");
}

#[test]
fn watched_query_repeats_until_ctrl_c() {
    let folder = TempDir::new().unwrap();
    let (_up, _) = up(folder.path(), &[]);
    let mut command = Command::new(program("tickerlake").unwrap());
    command.args(["query", "--watch", "0.01", "--format", "csv", "SELECT count(*) AS records FROM quotes"]);
    let mut watch = Running::start(command.current_dir(folder.path())).unwrap();
    for _ in 0..3 {
        watch.wait_for_line("records", WAIT).unwrap();
        watch.discard_lines();
    }
    assert_eq!(watch.interrupt(WAIT).unwrap(), Some(0));
}

#[test]
fn commands_work_with_a_remote_broker_and_bucket() {
    let folder = TempDir::new().unwrap();
    let (_up, servers) = up(folder.path(), &["--topic", "other"]);
    let settings = std::fs::read_to_string(folder.path().join("lake/sink.env")).unwrap();
    let aws: Vec<(&str, &str)> =
        settings.lines().filter(|line| line.starts_with("AWS_")).filter_map(|line| line.split_once('=')).collect();
    let client_folder = TempDir::new().unwrap();
    let tickerlake = |arguments: &[&str]| {
        let mut command = Command::new(program("tickerlake").unwrap());
        command.args(arguments).envs(aws.iter().copied()).current_dir(client_folder.path());
        command
    };
    let bucket = ["--bucket", "tickerlake", "--prefix", "deep/down"];
    let run =
        tickerlake(&[&["run", "-b", &servers, "--consumer-group-id", "run"][..], &bucket].concat()).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let count = |sql: &str| {
        let output = tickerlake(&[&["query", "--format", "csv", sql][..], &bucket].concat()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(count("SELECT count(*) FROM quotes"), "1200");
    assert!(folder.path().join("lake/tickerlake/deep/down/data/quotes").is_dir());

    let mut command = tickerlake(&["trigger", "-b", &servers, "-t", "quotes", "--consumer-group-id", "trigger"]);
    let mut trigger = Running::start(
        command.env("SINK_BUCKET", "tickerlake").env("SINK_PREFIX", "again").env("SINK_COMPRESSION", "zstd"),
    )
    .unwrap();
    trigger.wait_for_line("1,200 records (", WAIT).unwrap();
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
    let objects = lake::objects(&folder.path().join("lake/tickerlake/again")).unwrap();
    assert!(objects.keys().all(|key| key.ends_with(".json.zst")), "{objects:?}");
    assert_eq!(objects.values().map(Vec::len).sum::<usize>(), 1_200);
}

#[test]
fn settings_file_configures_the_function_completely() {
    let folder = TempDir::new().unwrap();
    let (_up, _) = up(folder.path(), &[]);
    let settings = std::fs::read_to_string(folder.path().join("lake/sink.env")).unwrap();
    let variable = |name: &str| {
        let line = settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned)
    };
    let config = sink::Config::from_variables(variable).unwrap();
    assert_eq!(config.bucket, "tickerlake");
    assert!(!config.columns.is_empty());
    assert_eq!(config.layout.field_names, FieldNames::IgnoreCase);
    let endpoint = variable("AWS_ENDPOINT_URL_S3").unwrap();
    assert!(std::net::TcpStream::connect(endpoint.trim_start_matches("http://")).is_ok(), "{endpoint}");
}

/// Returns the command `kcat`, which must use the librdkafka with which it was installed. Cargo's `LD_LIBRARY_PATH`
/// would select the one that cargo has built.
fn kcat() -> Command {
    let mut kcat = Command::new(part("kcat").unwrap());
    kcat.env_remove("LD_LIBRARY_PATH");
    kcat
}

#[test]
#[ignore = "needs kcat: run tests/install-parts"]
fn kcat_reads_and_writes_the_topic() {
    let folder = TempDir::new().unwrap();
    let (_up, servers) = up(folder.path(), &[]);
    let csv = folder.path().join("a.csv");
    std::fs::write(&csv, "Index,Date,Close\nHSI,1986-12-31,2568.300049\n").unwrap();
    let produced = Command::new(program("producer").unwrap()).args(["-b", &servers]).arg(&csv).output().unwrap();
    assert!(produced.status.success(), "{produced:?}");
    let seen = kcat().args(["-b", &servers, "-t", "quotes", "-C", "-e", "-q", "-f", "%k %s\n"]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&seen.stdout),
        "HSI {\"symbol\":\"HSI\",\"trade_date\":\"1986-12-31\",\"bar\":\"1d\",\"close\":2568.300049}\n"
    );

    let invalid = folder.path().join("invalid");
    std::fs::write(&invalid, "not json\n").unwrap();
    let sent = kcat().args(["-b", &servers, "-t", "quotes", "-P", "-p", "0", "-l"]).arg(&invalid).status().unwrap();
    assert!(sent.success());
    until("1", || query(folder.path(), "SELECT count(*) FROM quarantine WHERE reason LIKE 'not JSON%'"));
    let objects = lake::objects(&folder.path().join("lake/tickerlake")).unwrap();
    assert_eq!(objects.keys().filter(|key| key.starts_with("data/")).count(), 1);
}
