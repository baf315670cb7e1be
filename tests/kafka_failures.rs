//! If Kafka rejects a client or is unreachable, the program soon exits with code 1, and its only error line names the
//! broker and the remedy.

mod restart;
mod trigger;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use embedded_broker::{Broker, Options};
use tempfile::TempDir;
use tickerlake_tests::acl::{Operation, Resource, allow};
use tickerlake_tests::apache_kafka::{ApacheKafka, STRANGER};
use tickerlake_tests::kafka;
use tickerlake_tests::programs::program;

/// Maximum time for a program to fail.
const EXIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs a program that must fail, and returns the only line of its standard error, apart from a file's reading plan.
fn error_line(command: &mut Command) -> String {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text)
    });
    let status = loop {
        match child.try_wait().unwrap() {
            None if started.elapsed() < EXIT_TIMEOUT => std::thread::sleep(Duration::from_millis(20)),
            ended => break ended,
        }
    };
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let stderr = reading.join().unwrap().unwrap();
    let status = status.unwrap_or_else(|| panic!("still running after {EXIT_TIMEOUT:?}, standard error:\n{stderr}"));
    assert_eq!(status.code(), Some(1), "{stderr}");
    let (plans, errors): (Vec<&str>, Vec<&str>) = stderr.lines().partition(|line| line.contains(": symbol in "));
    let [error] = errors.as_slice() else { panic!("expected one line, found:\n{stderr}") };
    assert!(plans.len() <= 1, "expected one plan, found:\n{stderr}");
    (*error).to_owned()
}

/// Writes a file with one row whose record has about `bytes` bytes and compresses to no less than half.
fn row_file(bytes: usize) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("row.csv");
    let digits: Vec<String> = (0..bytes.div_ceil(20)).map(|n| format!("{:020}", n * n * 7_919 + 104_729 * n)).collect();
    std::fs::write(&path, format!("Symbol,Date,Close,Name\nA,2020-01-01,1,{}x\n", digits.concat())).unwrap();
    (folder, path)
}

/// Returns the error line of a producer that must fail to send one small row.
fn producer_error(arguments: &[&str]) -> String {
    let (_folder, file) = row_file(20);
    error_line(Command::new(program("producer").unwrap()).args(arguments).arg(file))
}

/// Asserts that `text` contains each of `parts`.
#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// Returns the arguments of a client that logs in at `servers`.
fn login<'a>(kafka: &'a ApacheKafka, servers: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let file = kafka.client_properties.to_str().unwrap();
    [&["--config", file, "-b", servers][..], more].concat()
}

/// Returns the arguments of a client with all permissions that does not know the broker's certificate authority.
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
fn unreachable_broker_names_bootstrap_server() {
    assert_contains(
        &producer_error(&["-b", "127.0.0.1:1"]),
        &["error: no Kafka broker at 127.0.0.1:1", "refused", "--bootstrap-server"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topic_names_create_topic() {
    let broker = Broker::start(Options { port: 0, ..Options::default() }).await.unwrap();
    let servers = broker.bootstrap_servers();
    assert_contains(&producer_error(&["-b", &servers, "--topic", "absent"]), &["`absent`", &servers, "--create-topic"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_record_names_message_max_bytes() {
    let broker = Broker::start(Options { port: 0, ..Options::default() }).await.unwrap();
    let servers = broker.bootstrap_servers();
    let (_folder, file) = row_file(4_000);
    let stderr = error_line(
        Command::new(program("producer").unwrap())
            .args(["-b", &servers, "--create-topic", "1", "-X", "message.max.bytes=2000"])
            .arg(file),
    );
    assert_contains(&stderr, &["row.csv line 2", &servers, "-X message.max.bytes"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn java_client_properties_log_in_over_tls() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("welcome", 1, &[]).unwrap();
    let (_folder, file) = row_file(20);
    let arguments = login(kafka, &kafka.sasl_ssl, &["--topic", "welcome"]);
    let output = Command::new(program("producer").unwrap()).args(arguments).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(kafka::record_count(&kafka.plaintext, "welcome").unwrap(), 1);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn wrong_password_names_the_sasl_settings() {
    let kafka = ApacheKafka::shared();
    let stderr = producer_error(&login(kafka, &kafka.sasl_ssl, &["-X", "sasl.password=wrong"]));
    assert_contains(&stderr, &["error: ", &kafka.sasl_ssl, "invalid credentials", "sasl.username and sasl.password"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn unknown_certificate_authority_names_ssl_ca_location() {
    let kafka = ApacheKafka::shared();
    let stderr = producer_error(&without_authority(&kafka.sasl_ssl));
    assert_contains(&stderr, &["error: ", &kafka.sasl_ssl, "certificate verify failed", "-X ssl.ca.location"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn host_name_mismatch_names_bootstrap_server() {
    let kafka = ApacheKafka::shared();
    let servers = kafka.sasl_ssl_by_address();
    let stderr = producer_error(&login(kafka, &servers, &[]));
    assert_contains(&stderr, &["error: ", &servers, "certificate verify failed", "host of --bootstrap-server"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn tls_mismatch_names_security_protocol() {
    let kafka = ApacheKafka::shared();
    assert_contains(
        &producer_error(&["-b", &kafka.sasl_ssl]),
        &["error: ", &kafka.sasl_ssl, "without a response", "-X security.protocol"],
    );
    let stderr = producer_error(&login(kafka, &kafka.plaintext, &[]));
    assert_contains(&stderr, &["error: ", &kafka.plaintext, "SSL", "-X security.protocol"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn missing_permission_is_named() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("private", 1, &[]).unwrap();
    let stderr = producer_error(&login(kafka, &kafka.sasl_ssl, &[&STRANGER[..], &["--topic", "private"]].concat()));
    assert_contains(&stderr, &["error: ", &kafka.sasl_ssl, "`private`", "sasl.username", "WRITE"]);
    let create = [&STRANGER[..], &["--topic", "another", "--create-topic", "1"]].concat();
    let stderr = producer_error(&login(kafka, &kafka.sasl_ssl, &create));
    assert_contains(&stderr, &["error: ", &kafka.sasl_ssl, "`another`", "sasl.username", "CREATE"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn user_without_write_permission_fails() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("visible", 1, &[]).unwrap();
    allow(&kafka.plaintext, "stranger", Operation::Describe, Resource::Topic("visible")).unwrap();
    // Which error the client reports first depends on the timing of its threads.
    for _ in 0..10 {
        let stderr = producer_error(&login(kafka, &kafka.sasl_ssl, &[&STRANGER[..], &["--topic", "visible"]].concat()));
        assert_contains(&stderr, &["error: ", &kafka.sasl_ssl, "uthoriz"]);
    }
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn missing_topic_without_auto_creation_names_create_topic() {
    let kafka = ApacheKafka::shared();
    let stderr = producer_error(&login(kafka, &kafka.sasl_ssl, &["--topic", "absent"]));
    assert_contains(&stderr, &["error: no topic `absent`", &kafka.sasl_ssl, "--create-topic"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn record_over_the_topics_limit_names_max_message_bytes() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("narrow", 1, &[("max.message.bytes", "1000")]).unwrap();
    let producer = || {
        let mut command = Command::new(program("producer").unwrap());
        command.args(["-b", &kafka.plaintext, "--topic", "narrow", "-X", "compression.type=none"]);
        command
    };
    let (folder, file) = row_file(4_000);
    let stderr = error_line(producer().arg(file));
    assert_contains(&stderr, &["row.csv line 2", &kafka.plaintext, "max.message.bytes of the topic", "-X batch.size"]);

    let many: String = (0..200).map(|n| format!("S{n},2020-01-01,{n}\n")).collect();
    let file = folder.path().join("many.csv");
    std::fs::write(&file, format!("Symbol,Date,Close\n{many}")).unwrap();
    assert_contains(
        &error_line(producer().arg(&file)),
        &["many.csv line ", "max.message.bytes of the topic", "-X batch.size"],
    );
    let output = producer().args(["-X", "batch.size=900"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "the recommended setting works: {output:?}");
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn run_reports_the_producers_errors() {
    let kafka = ApacheKafka::shared();
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        error_line(Command::new(program("tickerlake").unwrap()).arg("run").args(arguments).current_dir(folder.path()))
    };
    let stderr = run(&login(kafka, &kafka.sasl_ssl, &["-X", "sasl.password=wrong"]));
    assert_contains(&stderr, &[&kafka.sasl_ssl, "invalid credentials", "sasl.username and sasl.password"]);
    let servers = kafka.sasl_ssl_by_address();
    assert_contains(
        &run(&login(kafka, &servers, &[])),
        &[&servers, "certificate verify failed", "host of --bootstrap-server"],
    );
    assert_contains(&run(&["-b", "127.0.0.1:1"]), &["127.0.0.1:1", "--bootstrap-server"]);
}
