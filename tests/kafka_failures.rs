//! Kafka that refuses or is not there: one line says which broker and what to mend, soon, and the exit code is 1.

mod restart;
mod trigger;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use embedded::broker::Broker;
use tempfile::TempDir;
use tickerlake_tests::acl::{Operation, Resource, allow};
use tickerlake_tests::apache_kafka::{ApacheKafka, STRANGER};
use tickerlake_tests::kafka;
use tickerlake_tests::programs::program;

/// Nobody waits longer for a refusal.
const WITHIN: Duration = Duration::from_secs(15);

/// Runs a program that is to fail, and gives the one line of its standard error.
fn complaint(command: &mut Command) -> String {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text)
    });
    let status = loop {
        match child.try_wait().unwrap() {
            None if started.elapsed() < WITHIN => std::thread::sleep(Duration::from_millis(20)),
            ended => break ended,
        }
    };
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = reading.join().unwrap().unwrap();
    let status = status.unwrap_or_else(|| panic!("it still runs after {WITHIN:?} and has said:\n{said}"));
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "one line:\n{said}");
    said
}

/// A folder with a file of one row, whose record is about this long and cannot be compressed to less than half.
fn row(bytes: usize) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("row.csv");
    let digits: Vec<String> = (0..bytes.div_ceil(20)).map(|n| format!("{:020}", n * n * 7_919 + 104_729 * n)).collect();
    std::fs::write(&path, format!("Symbol,Date,Name\nA,2020-01-01,{}\n", digits.concat())).unwrap();
    (folder, path)
}

/// What the producer says when it is to send one small row.
fn produce(arguments: &[&str]) -> String {
    let (_folder, file) = row(20);
    complaint(Command::new(program("producer").unwrap()).args(arguments).arg(file))
}

/// Each of `parts` stands in `said`.
#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}

/// The arguments of a client that logs in at `servers`.
fn login<'a>(kafka: &'a ApacheKafka, servers: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let file = kafka.client_properties.to_str().unwrap();
    [&["--config", file, "-b", servers][..], more].concat()
}

/// The login of a user who may do everything, without the authority that has signed the broker's certificate.
fn without_authority(servers: &str) -> [&str; 10] {
    [
        "-b",
        servers,
        "-X",
        "security.protocol=SASL_SSL",
        "-X",
        "sasl.mechanism=SCRAM-SHA-512",
        "-X",
        "sasl.username=tickerlake",
        "-X",
        "sasl.password=tickerlake-secret",
    ]
}

#[test]
fn a_broker_that_is_not_there_is_named_with_the_flag_that_names_it() {
    says(&produce(&["-b", "127.0.0.1:1"]), &["error: no Kafka broker at 127.0.0.1:1", "refused", "--bootstrap-server"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_named_with_the_flag_that_makes_it() {
    let broker = Broker::start(0).await.unwrap();
    let servers = broker.bootstrap_servers();
    says(&produce(&["-b", &servers, "--topic", "absent"]), &["`absent`", &servers, "--create-topic"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_client_does_not_send_is_named_with_the_setting_that_limits_it() {
    let broker = Broker::start(0).await.unwrap();
    let servers = broker.bootstrap_servers();
    let (_folder, file) = row(4_000);
    let said = complaint(
        Command::new(program("producer").unwrap())
            .args(["-b", &servers, "--create-topic", "1", "-X", "message.max.bytes=2000"])
            .arg(file),
    );
    says(&said, &["row.csv line 2", &servers, "-X message.max.bytes"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_login_over_tls_with_a_java_clients_settings_delivers() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("welcome", 1, &[]).unwrap();
    let (_folder, file) = row(20);
    let arguments = login(kafka, &kafka.sasl_ssl, &["--topic", "welcome"]);
    let output = Command::new(program("producer").unwrap()).args(arguments).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(kafka::held(&kafka.plaintext, "welcome").unwrap(), 1);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_wrong_password_is_told_with_the_settings_of_the_login() {
    let kafka = ApacheKafka::shared();
    let said = produce(&login(kafka, &kafka.sasl_ssl, &["-X", "sasl.password=wrong"]));
    says(&said, &["error: ", &kafka.sasl_ssl, "invalid credentials", "sasl.username and sasl.password"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_certificate_of_an_unknown_authority_is_told_with_the_setting_that_names_authorities() {
    let kafka = ApacheKafka::shared();
    let said = produce(&without_authority(&kafka.sasl_ssl));
    says(&said, &["error: ", &kafka.sasl_ssl, "certificate verify failed", "-X ssl.ca.location"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_host_name_that_the_certificate_does_not_have_is_told_with_the_flag_that_names_the_host() {
    let kafka = ApacheKafka::shared();
    let servers = kafka.sasl_ssl_by_address();
    let said = produce(&login(kafka, &servers, &[]));
    says(&said, &["error: ", &servers, "certificate verify failed", "host of --bootstrap-server"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn plain_text_where_tls_is_spoken_and_tls_where_plain_text_is_are_told_with_the_setting_that_chooses() {
    let kafka = ApacheKafka::shared();
    says(
        &produce(&["-b", &kafka.sasl_ssl]),
        &["error: ", &kafka.sasl_ssl, "without an answer", "-X security.protocol"],
    );
    let said = produce(&login(kafka, &kafka.plaintext, &[]));
    says(&said, &["error: ", &kafka.plaintext, "SSL", "-X security.protocol"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_user_without_permission_is_told_which_one_is_needed() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("private", 1, &[]).unwrap();
    let said = produce(&login(kafka, &kafka.sasl_ssl, &[&STRANGER[..], &["--topic", "private"]].concat()));
    says(&said, &["error: ", &kafka.sasl_ssl, "`private`", "sasl.username", "WRITE"]);
    let create = [&STRANGER[..], &["--topic", "another", "--create-topic", "1"]].concat();
    let said = produce(&login(kafka, &kafka.sasl_ssl, &create));
    says(&said, &["error: ", &kafka.sasl_ssl, "`another`", "sasl.username", "CREATE"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_user_who_may_see_a_topic_and_not_write_delivers_nothing_and_fails() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("visible", 1, &[]).unwrap();
    allow(&kafka.plaintext, "stranger", Operation::Describe, Resource::Topic("visible")).unwrap();
    // What the client tells first depends on which of its threads is faster.
    for _ in 0..10 {
        let said = produce(&login(kafka, &kafka.sasl_ssl, &[&STRANGER[..], &["--topic", "visible"]].concat()));
        says(&said, &["error: ", &kafka.sasl_ssl, "uthoriz"]);
    }
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn an_unknown_topic_of_a_broker_that_makes_none_by_itself_is_told() {
    let kafka = ApacheKafka::shared();
    let said = produce(&login(kafka, &kafka.sasl_ssl, &["--topic", "absent"]));
    says(&said, &["error: no topic `absent`", &kafka.sasl_ssl, "--create-topic"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_record_that_the_topic_does_not_take_is_told_with_the_topics_setting_and_small_ones_pass_in_small_batches() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("narrow", 1, &[("max.message.bytes", "1000")]).unwrap();
    let producer = || {
        let mut command = Command::new(program("producer").unwrap());
        command.args(["-b", &kafka.plaintext, "--topic", "narrow", "-X", "compression.type=none"]);
        command
    };
    let (folder, file) = row(4_000);
    let said = complaint(producer().arg(file));
    says(&said, &["row.csv line 2", &kafka.plaintext, "max.message.bytes of the topic", "-X batch.size"]);

    let many: String = (0..200).map(|n| format!("S{n},2020-01-01,{n}\n")).collect();
    let file = folder.path().join("many.csv");
    std::fs::write(&file, format!("Symbol,Date,Close\n{many}")).unwrap();
    says(&complaint(producer().arg(&file)), &["many.csv line ", "max.message.bytes of the topic", "-X batch.size"]);
    let output = producer().args(["-X", "batch.size=900"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "the advice helps: {output:?}");
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn run_says_what_the_producer_says() {
    let kafka = ApacheKafka::shared();
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        complaint(Command::new(program("tickerlake").unwrap()).arg("run").args(arguments).current_dir(folder.path()))
    };
    let said = run(&login(kafka, &kafka.sasl_ssl, &["-X", "sasl.password=wrong"]));
    says(&said, &[&kafka.sasl_ssl, "invalid credentials", "sasl.username and sasl.password"]);
    let servers = kafka.sasl_ssl_by_address();
    says(&run(&login(kafka, &servers, &[])), &[&servers, "certificate verify failed", "host of --bootstrap-server"]);
    says(&run(&["-b", "127.0.0.1:1"]), &["127.0.0.1:1", "--bootstrap-server"]);
}
