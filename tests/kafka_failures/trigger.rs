//! A trigger that a broker permanently rejects exits instead of waiting.

use super::*;

/// Returns the error line of a `tickerlake trigger` that must fail. Its function is never invoked.
fn trigger_error(arguments: &[&str]) -> String {
    let unreachable = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    let mut command = Command::new(program("tickerlake").unwrap());
    error_line(command.args(["trigger", "--function", unreachable]).args(arguments))
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn wrong_password_names_the_sasl_settings() {
    let kafka = ApacheKafka::shared();
    let stderr = trigger_error(&login(kafka, &kafka.sasl_ssl, &["-X", "sasl.password=wrong"]));
    assert_contains(&stderr, &[&kafka.sasl_ssl, "sasl.username and sasl.password"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn unknown_certificate_authority_names_ssl_ca_location() {
    let kafka = ApacheKafka::shared();
    let stderr = trigger_error(&without_authority(&kafka.sasl_ssl));
    assert_contains(&stderr, &[&kafka.sasl_ssl, "certificate", "ssl.ca.location"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn host_name_mismatch_names_bootstrap_server() {
    let kafka = ApacheKafka::shared();
    let servers = kafka.sasl_ssl_by_address();
    assert_contains(&trigger_error(&login(kafka, &servers, &[])), &[&servers, "certificate", "--bootstrap-server"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn missing_permission_is_named() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("unreadable", 1, &[]).unwrap();
    let stderr = trigger_error(&login(kafka, &kafka.sasl_ssl, &[&STRANGER[..], &["--topic", "unreadable"]].concat()));
    assert_contains(&stderr, &[&kafka.sasl_ssl, "sasl.username", "READ"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn missing_topic_permission_is_named() {
    let kafka = ApacheKafka::shared();
    for (topic, group, can_describe) in [("unseen", "may-read-1", false), ("seen", "may-read-2", true)] {
        kafka.create_topic(topic, 1, &[]).unwrap();
        allow(&kafka.plaintext, "stranger", Operation::Read, Resource::Group(group)).unwrap();
        if can_describe {
            allow(&kafka.plaintext, "stranger", Operation::Describe, Resource::Topic(topic)).unwrap();
        }
        let arguments = [&STRANGER[..], &["--topic", topic, "--consumer-group-id", group]].concat();
        let stderr = trigger_error(&login(kafka, &kafka.sasl_ssl, &arguments));
        assert_contains(&stderr, &[&kafka.sasl_ssl, "sasl.username", "on the topic", "READ"]);
        assert!(!stderr.contains("on the group"), "{stderr}");
    }
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn missing_group_permission_is_named() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("readable", 1, &[]).unwrap();
    allow(&kafka.plaintext, "stranger", Operation::Read, Resource::Topic("readable")).unwrap();
    let arguments = [&STRANGER[..], &["--topic", "readable", "--consumer-group-id", "closed"]].concat();
    let stderr = trigger_error(&login(kafka, &kafka.sasl_ssl, &arguments));
    assert_contains(&stderr, &[&kafka.sasl_ssl, "sasl.username", "READ on the group", "--consumer-group-id"]);
    assert!(!stderr.contains("on the topic"), "{stderr}");
}
